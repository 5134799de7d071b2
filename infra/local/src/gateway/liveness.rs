//! Whether the other end of a socket is still there. Plain functions of time; `cleanup` acts on them.
//!
//! Each connection is pinged at its own moments, spread by its id, so that ten thousand that came back at once are not
//! pinged at once. Anything read from it counts as a response. A reader that is slow is no dead one: while its queue waits
//! for the stream, bytes that the stream takes are what shows that it lives, and no ping is put behind them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use labelcast_functions::model::ConnectionId;

use super::limits;
use super::uptime::{AtomicMoment, Moment};

/// What a connection has shown of itself.
pub(super) struct Liveness {
    /// When the next ping is due.
    ping_due: AtomicMoment,
    /// When the pending ping was sent.
    pinged: AtomicMoment,
    /// When the stream last took bytes of a queue that had to wait for it, or the queue began to wait.
    drained: AtomicMoment,
}

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing is due.
    Nothing,
    /// A ping is due.
    Ping,
    /// It did not respond in time: the other end is gone.
    Dead,
}

impl Liveness {
    pub(super) fn new(id: &ConnectionId, opened: Moment, every: Duration) -> Self {
        Self {
            ping_due: AtomicMoment::at(opened.after(phase(id, every))),
            pinged: AtomicMoment::never(),
            drained: AtomicMoment::never(),
        }
    }

    /// Records that something was read.
    pub(super) fn heard(&self) {
        self.pinged.clear();
    }

    #[cfg(test)]
    pub(super) fn is_answered(&self) -> bool {
        self.pinged.get().is_none()
    }

    /// The stream took something of a queue that waited for it, or takes no more from now on.
    pub(super) fn drained(&self, now: Moment) {
        self.drained.set(now);
    }

    /// What is due now. A ping that is due is counted as sent. `blocked` says that the queue waits for the stream.
    pub(super) fn check(&self, now: Moment, every: Duration, blocked: bool) -> Check {
        let quiet = self.drained.get().map(|drained| now.since(drained));
        if blocked {
            return match quiet {
                Some(quiet) if quiet >= every + limits::PONG_TIMEOUT => Check::Dead,
                _ => Check::Nothing,
            };
        }
        if let Some(pinged) = self.pinged.get() {
            let is_slow = quiet.is_some_and(|quiet| quiet < limits::SLOW_PONG_TIMEOUT);
            return match now.since(pinged) >= limits::PONG_TIMEOUT && !is_slow {
                true => Check::Dead,
                false => Check::Nothing,
            };
        }
        let due = self.ping_due.get().unwrap_or(now);
        if due > now {
            return Check::Nothing;
        }
        // Keeps its phase, however late the round comes that finds it.
        self.ping_due.set(due.after(every).max(now.after(every / 2)));
        self.pinged.set(now);
        Check::Ping
    }
}

/// When within the first interval a connection is pinged first.
fn phase(id: &ConnectionId, every: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hasher.finish() % millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use labelcast_functions::ports::Clock;

    const EVERY: Duration = Duration::from_secs(25);

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0)
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::of(&At(seconds))
    }

    fn liveness(id: &str) -> Liveness {
        Liveness::new(&id.parse().unwrap(), at(0), EVERY)
    }

    /// What happens in each second of a time, for a client that responds at once.
    fn pings(liveness: &Liveness, seconds: std::ops::Range<u64>) -> Vec<u64> {
        let due = seconds.filter(|second| match liveness.check(at(*second), EVERY, false) {
            Check::Ping => {
                liveness.heard();
                true
            }
            Check::Nothing => false,
            Check::Dead => panic!("it answered"),
        });
        due.collect()
    }

    #[test]
    fn a_responsive_client_is_pinged_every_25_seconds() {
        let pings = pings(&liveness("a"), 0..200);
        assert!(pings[0] <= 25, "{pings:?}");
        assert!(pings.windows(2).all(|two| two[1] - two[0] == 25), "{pings:?}");
    }

    #[test]
    fn pings_of_simultaneous_connections_are_spread_out() {
        let mut a_second = [0; 26];
        for number in 0..10_000 {
            let first = pings(&liveness(&format!("connection{number}")), 0..26)[0];
            a_second[usize::try_from(first).unwrap()] += 1;
        }
        assert!(a_second.iter().all(|pinged| *pinged < 600), "{a_second:?}");
    }

    #[test]
    fn a_client_silent_for_20_seconds_after_a_ping_is_gone() {
        let liveness = liveness("a");
        assert_eq!(liveness.check(at(25), EVERY, false), Check::Ping);
        assert_eq!(liveness.check(at(44), EVERY, false), Check::Nothing);
        assert_eq!(liveness.check(at(45), EVERY, false), Check::Dead);
    }

    #[test]
    fn a_slow_reader_stays_while_its_queue_shrinks() {
        let liveness = liveness("a");
        assert_eq!(liveness.check(at(25), EVERY, false), Check::Ping);
        for second in (26..300).step_by(10) {
            liveness.drained(at(second));
            assert_eq!(liveness.check(at(second + 9), EVERY, true), Check::Nothing, "the ping waits behind its queue");
        }
        // Its queue is empty now; what the system still holds for it takes its time too.
        liveness.drained(at(300));
        assert_eq!(liveness.check(at(340), EVERY, false), Check::Nothing);
        liveness.heard();
        assert_eq!(liveness.check(at(341), EVERY, false), Check::Ping);
    }

    #[test]
    fn a_stalled_reader_is_gone_as_soon_as_a_silent_one() {
        let liveness = liveness("a");
        liveness.drained(at(5));
        assert_eq!(liveness.check(at(49), EVERY, true), Check::Nothing);
        assert_eq!(liveness.check(at(50), EVERY, true), Check::Dead);
    }
}
