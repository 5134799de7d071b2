//! Finds a topic's interested connections without trying all of them (`docs/guarantees.md#filter-index`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use labelcast_functions::model::{Caller, ConnectionId, Seq};
use labelcast_functions::ports::{Subscription, SubscriptionState, Which};
use labelcast_functions::query::Bucket;

/// A subscription as held in memory.
pub(super) struct Entry {
    pub(super) subscription: Subscription,
    /// Replayed up to here; `None` while it is replaying.
    pub(super) live_from: Option<Seq>,
}

/// The subscriptions to one topic.
#[derive(Default)]
pub(super) struct Interest {
    /// Without a filter, one beside the other: most topics have many of them, and each notification goes through all.
    unfiltered: Vec<Entry>,
    /// Where each of those stands.
    places: HashMap<ConnectionId, usize>,
    filtered: HashMap<ConnectionId, Entry>,
    by_bucket: HashMap<Bucket, HashSet<ConnectionId>>,
    /// The highest number that was visited for. What is replayed must reach it before it goes live.
    visited: Seq,
}

impl Interest {
    pub(super) fn is_empty(&self) -> bool {
        self.unfiltered.is_empty() && self.filtered.is_empty()
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<&Entry> {
        let unfiltered = || self.places.get(id).and_then(|place| self.unfiltered.get(*place));
        self.filtered.get(id).or_else(unfiltered)
    }

    fn get_mut(&mut self, id: &ConnectionId) -> Option<&mut Entry> {
        match self.places.get(id) {
            Some(place) => self.unfiltered.get_mut(*place),
            None => self.filtered.get_mut(id),
        }
    }

    pub(super) fn visited(&self) -> Seq {
        self.visited
    }

    /// Puts a subscription, which is to be replayed, in the place of the connection's last one.
    pub(super) fn insert(&mut self, subscription: &Subscription) {
        let subscription = Subscription { state: SubscriptionState::Replaying, ..subscription.clone() };
        let id = subscription.connection.clone();
        self.remove(&id);
        let filter = subscription.filter.clone();
        let entry = Entry { subscription, live_from: None };
        match filter {
            None => {
                self.places.insert(id, self.unfiltered.len());
                self.unfiltered.push(entry);
            }
            Some(filter) => {
                for bucket in filter.buckets() {
                    self.by_bucket.entry(bucket).or_default().insert(id.clone());
                }
                self.filtered.insert(id, entry);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &ConnectionId) {
        if let Some(place) = self.places.remove(id) {
            self.unfiltered.swap_remove(place);
            if let Some(moved) = self.unfiltered.get(place) {
                self.places.insert(moved.subscription.connection.clone(), place);
            }
        }
        let Some(entry) = self.filtered.remove(id) else { return };
        for bucket in entry.subscription.filter.iter().flat_map(|filter| filter.buckets()) {
            if let Some(by_bucket) = self.by_bucket.get_mut(&bucket) {
                by_bucket.remove(id);
                if by_bucket.is_empty() {
                    self.by_bucket.remove(&bucket);
                }
            }
        }
    }

    /// Its replay has reached this number.
    pub(super) fn go_live(&mut self, id: &ConnectionId, from: Seq) {
        if let Some(entry) = self.get_mut(id) {
            entry.subscription.state = SubscriptionState::Live;
            entry.live_from = Some(from);
        }
    }

    pub(super) fn refresh(&mut self, id: &ConnectionId, caller: &Arc<Caller>) {
        if let Some(entry) = self.get_mut(id) {
            entry.subscription.caller = caller.clone();
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
        let everything = match which {
            Which::All => true,
            Which::InBuckets(buckets) => buckets.contains(&Bucket::Everything),
        };
        if everything {
            self.unfiltered.iter().for_each(&mut show);
        }
        match which {
            Which::All => self.filtered.values().for_each(show),
            Which::InBuckets(buckets) => {
                // One filter can be indexed in several places; it is shown once.
                let due: BTreeSet<&ConnectionId> =
                    buckets.iter().filter_map(|bucket| self.by_bucket.get(bucket)).flatten().collect();
                due.into_iter().filter_map(|id| self.filtered.get(id)).for_each(show);
            }
        }
    }
}
