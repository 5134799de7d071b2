//! Slows down guessing, by user and by address (rule 19).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

/// Mistakes that are nobody's business.
const FREE: u32 = 5;
/// Users and addresses remembered at once.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: DateTime<Utc>,
}

impl Failures {
    /// 2, 4, 8 … seconds after the free ones, up to 15 minutes.
    fn open_again(self) -> DateTime<Utc> {
        if self.count < FREE {
            return self.last;
        }
        let seconds = 2_i64.pow((self.count - FREE + 1).min(10)).min(900);
        self.last + Duration::seconds(seconds)
    }
}

impl Throttle {
    /// How many seconds to wait before another try by any of these; `None` for now.
    pub(super) fn wait(&self, keys: &[String], now: DateTime<Utc>) -> Option<i64> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys
            .iter()
            .filter_map(|key| failures.get(key))
            .map(|failures| (failures.open_again() - now).num_milliseconds());
        waits.max().filter(|wait| *wait > 0).map(|wait| wait / 1000 + 1)
    }

    pub(super) fn failed(&self, keys: &[String], now: DateTime<Utc>) {
        metrics::counter!("labelcast_sign_in_failures_total").increment(1);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() + keys.len() > REMEMBERED {
            failures.retain(|_, failures| now - failures.last < Duration::minutes(15));
        }
        if failures.len() + keys.len() > REMEMBERED {
            failures.clear();
        }
        for key in keys {
            let entry = failures.entry(key.clone()).or_insert(Failures { count: 0, last: now });
            // A quiet quarter of an hour is forgiven.
            let count = if now - entry.last > Duration::minutes(15) { 0 } else { entry.count };
            *entry = Failures { count: count + 1, last: now };
        }
    }

    pub(super) fn succeeded(&self, user: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_by_user_and_by_address() {
        let throttle = Throttle::default();
        let now = DateTime::UNIX_EPOCH;
        let keys = ["user:a".to_owned(), "address:1".to_owned()];
        for _ in 0..FREE {
            assert_eq!(throttle.wait(&keys, now), None);
            throttle.failed(&keys, now);
        }
        assert!(throttle.wait(&keys[..1], now).is_some() && throttle.wait(&keys[1..], now).is_some());
        throttle.failed(&keys, now);
        assert!(throttle.wait(&keys, now).unwrap() > 3);
        assert_eq!(throttle.wait(&keys, now + Duration::minutes(1)), None);
        assert_eq!(throttle.wait(&["user:b".to_owned()], now), None);
    }
}
