//! The message rate of a connection, and what happens to messages beyond it.

use std::time::Duration;

use crate::limits::BURST_SECONDS;
use crate::ports::MessageAllowed;

/// Warnings in close succession before the connection is closed.
const MAX_WARNINGS: u32 = 5;
/// Ignored messages before the connection is closed, in seconds' worth of the rate.
const MAX_IGNORED: u32 = 20;
/// After this long within the rate, earlier warnings are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// A token bucket of twice the rate, and the warnings given so far. Plain state; times are those of a monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct MessageRate {
    /// How much of the bucket is used, in thousandths of a message.
    used: u64,
    /// When `used` was last updated.
    counted_at: Duration,
    excess: Option<Excess>,
}

/// What was done about messages beyond the rate. Every backend stores it beside its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// When the last warning was sent.
    pub warned_at: Duration,
    /// Warnings sent since they were last forgotten.
    pub warnings: u32,
    /// Messages that were dropped without a response.
    pub ignored: u32,
}

impl Excess {
    /// Decides about one more message beyond the rate, and returns the updated state.
    pub fn one_more(known: Option<Self>, per_second: u32, now: Duration) -> (MessageAllowed, Self) {
        let (warnings, ignored) = match known {
            Some(excess) if excess.was_said_within_a_second(now) => {
                let excess = Self { ignored: excess.ignored.saturating_add(1), ..excess };
                return (excess.of_ignored(per_second), excess);
            }
            Some(excess) if now.saturating_sub(excess.warned_at) < FORGIVEN_AFTER => (excess.warnings, excess.ignored),
            _ => (0, 0),
        };
        if let Some(excess) = known.filter(|_| warnings >= MAX_WARNINGS) {
            return (MessageAllowed::Flooding, excess);
        }
        (MessageAllowed::RateLimited, Self { warned_at: now, warnings: warnings + 1, ignored })
    }

    /// Whether a message at `now` is to be ignored, because a warning was sent within the last second.
    pub fn was_said_within_a_second(self, now: Duration) -> bool {
        now.saturating_sub(self.warned_at) < Duration::from_secs(1)
    }

    /// Decides about a message that was counted as ignored.
    pub fn of_ignored(self, per_second: u32) -> MessageAllowed {
        match self.ignored > per_second.saturating_mul(MAX_IGNORED) {
            true => MessageAllowed::Flooding,
            false => MessageAllowed::Ignored,
        }
    }
}

impl MessageRate {
    /// Counts one message; `per_second` is at least 1.
    pub fn count(&mut self, per_second: u32, now: Duration) -> MessageAllowed {
        let passed = u64::try_from(now.saturating_sub(self.counted_at).as_millis()).unwrap_or(u64::MAX);
        let used = self.used.saturating_sub(passed.saturating_mul(per_second.into()));
        self.counted_at = now;
        if used + 1_000 <= u64::from(per_second) * u64::from(BURST_SECONDS) * 1_000 {
            self.used = used + 1_000;
            return MessageAllowed::Yes;
        }
        self.used = used;
        let (allowed, excess) = Excess::one_more(self.excess, per_second, now);
        self.excess = Some(excess);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use MessageAllowed::{Flooding, Ignored, RateLimited, Yes};

    use super::*;

    fn count(rate: &mut MessageRate, messages: usize, at: u64) -> Vec<MessageAllowed> {
        (0..messages).map(|_| rate.count(10, Duration::from_millis(at))).collect()
    }

    fn how_many(what: MessageAllowed, of: &[MessageAllowed]) -> usize {
        of.iter().filter(|one| **one == what).count()
    }

    #[test]
    fn a_burst_of_twice_the_rate_is_allowed_and_then_the_rate_applies() {
        let mut rate = MessageRate::default();
        assert_eq!(count(&mut rate, 20, 0), [Yes; 20]);
        assert_eq!(count(&mut rate, 1, 0), [RateLimited]);
        assert_eq!(how_many(Yes, &count(&mut rate, 30, 1_000)), 10);
        assert_eq!(how_many(Yes, &count(&mut rate, 30, 60_000)), 20, "it never holds more");
    }

    #[test]
    fn at_most_one_warning_a_second_is_sent() {
        let mut rate = MessageRate::default();
        for second in 0..4 {
            let all = count(&mut rate, 60, second * 1_000);
            assert_eq!(how_many(RateLimited, &all), 1, "second {second}");
            assert_eq!(how_many(Flooding, &all), 0);
        }
    }

    #[test]
    fn a_client_that_keeps_flooding_is_closed_and_one_that_slows_down_is_not() {
        let mut rate = MessageRate::default();
        let all: Vec<_> = (0..6).flat_map(|second| count(&mut rate, 40, second * 1_000)).collect();
        assert_eq!((how_many(RateLimited, &all), all.last()), (5, Some(&Flooding)));
        let mut rate = MessageRate::default();
        for minute in 0..20 {
            assert_eq!(how_many(Flooding, &count(&mut rate, 30, minute * 60_000)), 0);
        }
    }

    #[test]
    fn a_flood_is_closed_within_a_second() {
        let mut rate = MessageRate::default();
        let all = count(&mut rate, 1_000, 0);
        assert_eq!((how_many(Yes, &all), how_many(RateLimited, &all), how_many(Ignored, &all)), (20, 1, 200));
        assert_eq!(all.last(), Some(&Flooding));
    }
}
