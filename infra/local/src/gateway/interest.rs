//! Who is interested in a topic, found without trying everyone (rule 13).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use labelcast_functions::model::{ConnectionId, Seq, Subscription};
use labelcast_functions::ports::Which;
use labelcast_functions::query::Filing;

/// A subscription in memory.
pub(super) struct Entry {
    pub(super) subscription: Subscription,
    /// Replayed up to here; `None` while it is replaying.
    pub(super) live_from: Option<Seq>,
}

/// The subscriptions to one topic.
#[derive(Default)]
pub(super) struct Interest {
    entries: HashMap<ConnectionId, Arc<Entry>>,
    /// Connections without a filter, one after the other: most topics have many of them.
    unfiltered: Vec<Arc<Entry>>,
    places: HashMap<ConnectionId, usize>,
    filed: HashMap<Filing, HashMap<ConnectionId, Arc<Entry>>>,
    /// The highest number that was visited for. What replays must reach it before it goes live.
    visited: Seq,
}

impl Interest {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    pub(super) fn visited(&self) -> Seq {
        self.visited
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let id = entry.subscription.connection.clone();
        self.remove(&id);
        let entry = Arc::new(entry);
        match &entry.subscription.filter {
            None => {
                self.places.insert(id.clone(), self.unfiltered.len());
                self.unfiltered.push(entry.clone());
            }
            Some(filter) => {
                for filing in filter.filings() {
                    self.filed.entry(filing).or_default().insert(id.clone(), entry.clone());
                }
            }
        }
        self.entries.insert(id, entry);
    }

    pub(super) fn remove(&mut self, id: &ConnectionId) {
        let Some(entry) = self.entries.remove(id) else { return };
        if let Some(place) = self.places.remove(id) {
            self.unfiltered.swap_remove(place);
            if let Some(moved) = self.unfiltered.get(place) {
                self.places.insert(moved.subscription.connection.clone(), place);
            }
        }
        for filing in entry.subscription.filter.iter().flat_map(|filter| filter.filings()) {
            if let Some(filed) = self.filed.get_mut(&filing) {
                filed.remove(id);
                if filed.is_empty() {
                    self.filed.remove(&filing);
                }
            }
        }
    }

    /// Shows the live subscriptions that are due this number.
    pub(super) fn visit(&mut self, seq: Seq, which: Which<'_>, visitor: &mut dyn FnMut(&Subscription)) {
        self.visited = self.visited.max(seq);
        let mut show = |entry: &Entry| {
            if entry.live_from.is_some_and(|from| from < seq) {
                visitor(&entry.subscription);
            }
        };
        let filings = match which {
            Which::All => return self.entries.values().for_each(|entry| show(entry)),
            Which::FiledUnder(filings) => filings,
        };
        self.unfiltered.iter().for_each(|entry| show(entry));
        let mut filed = filings.iter().filter_map(|filing| self.filed.get(filing));
        let (Some(first), second) = (filed.next(), filed.next()) else { return };
        let Some(second) = second else { return first.values().for_each(|entry| show(entry)) };
        // One filter can be filed in several places; it is shown once.
        let mut shown = HashSet::new();
        for (id, entry) in first.iter().chain(second).chain(filed.flatten()) {
            if shown.insert(id) {
                show(entry);
            }
        }
    }
}
