//! The gateway's own time: how long it has been up, as of the last second. Near enough for idle times, free to read, and
//! never stepped: it follows the monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use labelcast_functions::ports::Clock;

/// A moment of the gateway's own time, in milliseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self(i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX))
    }

    /// Zero where `earlier` is not earlier.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// The present moment, shared by all sockets; set once a second.
#[derive(Clone)]
pub(super) struct Now(Arc<AtomicMoment>);

impl Now {
    pub(super) fn new(moment: Moment) -> Self {
        Self(Arc::new(AtomicMoment::at(moment)))
    }

    pub(super) fn get(&self) -> Moment {
        Moment(self.0.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, moment: Moment) {
        self.0.set(moment);
    }
}

const NEVER: i64 = i64::MIN;

/// A moment that many set and few read, or none yet.
pub(super) struct AtomicMoment(AtomicI64);

impl AtomicMoment {
    pub(super) const fn never() -> Self {
        Self(AtomicI64::new(NEVER))
    }

    pub(super) const fn at(moment: Moment) -> Self {
        Self(AtomicI64::new(moment.0))
    }

    pub(super) fn set(&self, moment: Moment) {
        self.0.store(moment.0, Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Moment> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != NEVER).map(Moment)
    }
}
