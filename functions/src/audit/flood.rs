//! Keeps a flood of failures from filling the disk: within a minute the first ones are written in full, the others counted.
//! Successful actions do not pass through here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Action, Outcome};

/// What makes failures alike, besides where they come from.
pub(super) type Kind = (Action, Outcome);

/// Failures of one kind and source that are written in full, within a minute …
const IN_FULL: u64 = 10;
/// … and of one kind from anywhere: changing addresses are cheap.
const IN_FULL_FROM_ALL: u64 = 100;
/// Sources of one kind whose failures are counted by themselves.
const SOURCES: usize = 20;
/// How long failures are put together.
const WINDOW: Duration = Duration::from_mins(1);
/// What is written where the sources are too many.
const OTHERS: &str = "other addresses";

/// The limit of this process.
pub(super) fn limit() -> MutexGuard<'static, Limit> {
    static LIMIT: LazyLock<Mutex<Limit>> = LazyLock::new(Mutex::default);
    LIMIT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time of a clock that does not step.
pub(super) fn now() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// The failures counted in the current minute.
#[derive(Debug, Default)]
pub(super) struct Limit {
    kinds: HashMap<Kind, Failures>,
}

#[derive(Debug)]
struct Failures {
    since: Duration,
    in_full: u64,
    /// How many were written, and how many only counted, by source.
    sources: HashMap<String, (u64, u64)>,
    from_others: u64,
}

/// Failures that were not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) kind: Kind,
    pub(super) from: String,
    pub(super) times: u64,
}

impl Limit {
    /// Whether a failure is to be written in full; if not, it is counted.
    pub(super) fn admit(&mut self, kind: Kind, from: &str, now: Duration) -> bool {
        let failures = self.kinds.entry(kind).or_insert_with(|| Failures {
            since: now,
            in_full: 0,
            sources: HashMap::new(),
            from_others: 0,
        });
        let source = source(from);
        if failures.sources.len() >= SOURCES && !failures.sources.contains_key(&source) {
            let in_full = failures.in_full < IN_FULL_FROM_ALL;
            *(if in_full { &mut failures.in_full } else { &mut failures.from_others }) += 1;
            return in_full;
        }
        let (written, counted) = failures.sources.entry(source).or_default();
        let in_full = *written < IN_FULL && failures.in_full < IN_FULL_FROM_ALL;
        if in_full {
            *written += 1;
            failures.in_full += 1;
        } else {
            *counted += 1;
        }
        in_full
    }

    /// What was counted in minutes that are over.
    pub(super) fn take(&mut self, now: Duration) -> Vec<Counted> {
        let over = self.kinds.extract_if(|_, failures| now.saturating_sub(failures.since) >= WINDOW);
        let of_kind = |(kind, failures): (Kind, Failures)| {
            let mut counted: Vec<Counted> = failures
                .sources
                .into_iter()
                .map(|(from, (_, times))| Counted { kind, from, times })
                .chain([Counted { kind, from: OTHERS.to_owned(), times: failures.from_others }])
                .filter(|counted| counted.times > 0)
                .collect();
            counted.sort_by(|one, other| one.from.cmp(&other.from));
            counted
        };
        over.flat_map(of_kind).collect()
    }
}

/// Whoever has one address of IPv6 has all that begin with the same 64 bits.
fn source(from: &str) -> String {
    match from.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => from.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = (Action::SignIn, Outcome::Failed);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn counted(from: &str, times: u64) -> Counted {
        Counted { kind: KIND, from: from.to_owned(), times }
    }

    #[test]
    fn the_first_failures_are_logged_and_the_rest_are_counted_once_a_minute() {
        let mut limit = Limit::default();
        let written = (0..100_000).filter(|_| limit.admit(KIND, "192.0.2.1", at(0))).count();
        assert_eq!(written, 10);
        assert!(limit.admit(KIND, "192.0.2.2", at(1)), "of another address");
        assert!(limit.admit((Action::KeyUse, Outcome::Refused), "192.0.2.1", at(1)), "of another kind");
        assert_eq!(limit.take(at(59)), []);
        assert_eq!(limit.take(at(60)), [counted("192.0.2.1", 99_990)]);
        assert!(limit.admit(KIND, "192.0.2.1", at(60)), "a new minute");
        assert_eq!(limit.take(at(3_600)), [], "what was written is not counted");
    }

    #[test]
    fn a_flood_from_many_addresses_is_bounded_and_every_failure_is_counted() {
        let mut limit = Limit::default();
        let written =
            (0..100_000_u32).filter(|number| limit.admit(KIND, &std::net::Ipv4Addr::from(*number).to_string(), at(0)));
        assert_eq!(written.count(), 100);
        let lines = limit.take(at(60));
        assert_eq!(lines, [counted(OTHERS, 99_900)]);
        let from_one_network = |number| format!("2001:db8:1:2::{number:x}");
        let written = (0..1_000).filter(|number| limit.admit(KIND, &from_one_network(*number), at(61))).count();
        assert_eq!((written, limit.take(at(200))), (10, vec![counted("2001:db8:1:2::/64", 990)]));
    }
}
