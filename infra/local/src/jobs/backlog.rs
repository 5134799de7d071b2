//! The number of waiting jobs and its limit, so that work is not accepted faster than it is done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labelcast_functions::ports::{PortError, PortResult};

/// The kinds of job that are limited separately. A flood of publishes must not refuse pictures, and a burst of pictures
/// must not refuse publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything from the posted file to the stored result.
    Pictures,
    /// Everything from the publish to the push.
    Notifications,
}

/// The `Retry-After` of a refusal. Thousands of notifications are processed in a second.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Count {
    /// Rows that are waiting or running.
    rows: usize,
    /// Slots reserved for jobs that are not committed yet.
    reserved: usize,
    /// Grows with each change, so that a count taken from the table meanwhile is recognised as stale.
    version: u64,
}

/// The counts of all kinds. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    counts: Arc<[Mutex<Count>; 2]>,
    /// Maximum number of jobs of one kind before new ones are refused.
    max: usize,
}

impl Backlog {
    pub(super) fn new(max: usize) -> Self {
        Self { counts: Arc::default(), max }
    }

    fn count(&self, kind: Kind) -> MutexGuard<'_, Count> {
        self.counts[kind as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves slots for incoming jobs.
    pub(super) fn admit(&self, kind: Kind, jobs: usize) -> PortResult<Reservation> {
        let mut count = self.count(kind);
        if count.rows + count.reserved + jobs > self.max {
            metrics::counter!("labelcast_backlog_refused_total").increment(1);
            return Err(PortError::Overloaded { what: "the backlog", retry_after: RETRY_AFTER });
        }
        count.reserved += jobs;
        drop(count);
        Ok(Reservation { backlog: self.clone(), kind, jobs })
    }

    /// Reserves slots for jobs that complete accepted work; these are never refused.
    pub(super) fn admit_always(&self, kind: Kind, jobs: usize) -> Reservation {
        self.count(kind).reserved += jobs;
        Reservation { backlog: self.clone(), kind, jobs }
    }

    /// Records rows that are done or have become dead letters.
    pub(super) fn ended(&self, kind: Kind, jobs: usize) {
        let mut count = self.count(kind);
        count.rows = count.rows.saturating_sub(jobs);
        count.version += 1;
    }

    /// Whether one more incoming job would be refused.
    pub(super) fn is_full(&self, kind: Kind) -> bool {
        let count = self.count(kind);
        count.rows + count.reserved >= self.max
    }

    pub(super) fn rows(&self, kind: Kind) -> usize {
        self.count(kind).rows
    }

    pub(super) fn version(&self, kind: Kind) -> u64 {
        self.count(kind).version
    }

    /// Adopts the table's count if nothing has changed since this version: another process may have redriven dead letters.
    pub(super) fn counted(&self, kind: Kind, version: u64, rows: usize) {
        let mut count = self.count(kind);
        if count.version == version && count.reserved == 0 {
            count.rows = rows;
        }
    }
}

/// Reserved slots in the backlog, released unless their jobs are committed.
#[derive(Debug)]
pub struct Reservation {
    backlog: Backlog,
    kind: Kind,
    jobs: usize,
}

impl Reservation {
    /// A reservation of its own backlog, for tests.
    #[cfg(test)]
    pub(crate) fn without_bound() -> Self {
        Backlog::new(usize::MAX).admit_always(Kind::Pictures, 1)
    }

    /// Records that the jobs are in the table.
    pub(super) fn committed(mut self) {
        self.backlog.count(self.kind).rows += self.jobs;
        self.give_back();
    }

    fn give_back(&mut self) {
        let mut count = self.backlog.count(self.kind);
        count.reserved -= std::mem::take(&mut self.jobs);
        count.version += 1;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(admitted: &PortResult<Reservation>) -> bool {
        matches!(admitted, Err(PortError::Overloaded { .. }))
    }

    #[test]
    fn incoming_work_is_bounded_and_work_that_completes_it_is_not() {
        let backlog = Backlog::new(2);
        backlog.admit(Kind::Notifications, 1).unwrap().committed();
        let waiting = backlog.admit(Kind::Notifications, 1).unwrap();
        assert!(refused(&backlog.admit(Kind::Notifications, 1)), "one is stored and one on its way");
        backlog.admit_always(Kind::Notifications, 5).committed();
        assert!(backlog.admit(Kind::Pictures, 2).is_ok(), "the other kind has a bound of its own");
        drop(waiting);
        backlog.ended(Kind::Notifications, 5);
        assert!(backlog.admit(Kind::Notifications, 1).is_ok(), "there is room again");
    }

    #[test]
    fn a_table_count_is_used_only_if_nothing_changed_meanwhile() {
        let backlog = Backlog::new(2);
        let before = backlog.version(Kind::Pictures);
        backlog.admit(Kind::Pictures, 1).unwrap().committed();
        backlog.counted(Kind::Pictures, before, 0);
        assert!(refused(&backlog.admit(Kind::Pictures, 2)), "the count is older than the change");
        backlog.counted(Kind::Pictures, backlog.version(Kind::Pictures), 2);
        assert!(refused(&backlog.admit(Kind::Pictures, 1)), "somebody redrove a dead letter");
    }
}
