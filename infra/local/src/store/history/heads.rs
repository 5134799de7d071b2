//! The newest number of each topic, in memory: whoever subscribes asks for it, thousands of times a second after a restart.
//!
//! Only this process appends, on the writer's thread, which notes what it appended before anybody gets a result. So what is
//! known here is never behind what was returned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labelcast_functions::model::{Seq, TopicKey};

/// Topics that are known at once, of which clients may name any: a few MB.
const MAX_TOPICS: usize = 16_384;

/// The newest numbers that are known. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    newest: HashMap<TopicKey, Seq>,
    /// How often everything was forgotten.
    cleared: u64,
}

/// Taken before a number is looked up, and given back with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookUp {
    cleared: u64,
}

impl Heads {
    /// The newest number, or leave to look it up.
    pub(super) fn get(&self, topic: &TopicKey) -> Result<Seq, LookUp> {
        let known = self.lock();
        known.newest.get(topic).copied().ok_or(LookUp { cleared: known.cleared })
    }

    /// Notes a number that was looked up. What was appended meanwhile is newer, and stays; if it may have been forgotten
    /// meanwhile, nothing is noted.
    pub(super) fn looked_up(&self, topic: &TopicKey, newest: Seq, LookUp { cleared }: LookUp) {
        let mut known = self.lock();
        if known.cleared == cleared {
            known.note(topic, newest);
        }
    }

    /// Notes what was appended; of numbers that were given before, the highest stays.
    pub(super) fn appended<'a>(&self, positions: impl IntoIterator<Item = (&'a TopicKey, Seq)>) {
        let mut known = self.lock();
        positions.into_iter().for_each(|(topic, seq)| known.note(topic, seq));
    }

    /// Forgets everything: numbers have changed otherwise than by appending.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A map is whole whatever its last writer was doing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, topic: &TopicKey, seq: Seq) {
        if let Some(newest) = self.newest.get_mut(topic) {
            *newest = seq.max(*newest);
            return;
        }
        if self.newest.len() >= MAX_TOPICS {
            self.clear();
        }
        self.newest.insert(topic.clone(), seq);
    }

    fn clear(&mut self) {
        self.newest.clear();
        self.cleared += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicKey {
        TopicKey::Shared(format!("app:{name}").parse().unwrap())
    }

    #[test]
    fn a_lookup_does_not_overwrite_a_concurrent_append() {
        let heads = Heads::default();
        let leave = heads.get(&topic("a")).unwrap_err();
        heads.appended([(&topic("a"), Seq(6))]);
        heads.looked_up(&topic("a"), Seq(5), leave);
        assert_eq!(heads.get(&topic("a")).unwrap(), Seq(6));
        // A repeat keeps its number.
        heads.appended([(&topic("a"), Seq(2))]);
        assert_eq!(heads.get(&topic("a")).unwrap(), Seq(6));
    }

    #[test]
    fn a_lookup_that_began_before_a_purge_is_not_cached() {
        let heads = Heads::default();
        let leave = heads.get(&topic("a")).unwrap_err();
        heads.appended([(&topic("a"), Seq(6))]);
        heads.clear();
        heads.looked_up(&topic("a"), Seq(5), leave);
        assert!(heads.get(&topic("a")).is_err());
    }

    #[test]
    fn the_cache_of_heads_is_bounded() {
        let heads = Heads::default();
        for number in 0..3 * MAX_TOPICS {
            let topic = topic(&number.to_string());
            let leave = heads.get(&topic).unwrap_err();
            heads.looked_up(&topic, Seq(1), leave);
        }
        assert!(heads.lock().newest.len() <= MAX_TOPICS);
        assert!(heads.get(&topic(&(3 * MAX_TOPICS - 1).to_string())).is_ok());
    }
}
