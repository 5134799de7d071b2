use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use labelcast_functions::model::{ImageId, Position};

/// Where new images stand: the time in nanoseconds, then the beginning of the image's id, so that no two are the same.
#[derive(Debug, Default)]
pub(super) struct Positions {
    last: AtomicU64,
}

impl Positions {
    /// Above all that this process gave before, also where the clock was set back.
    pub(super) fn next(&self, id: &ImageId) -> Position {
        let now = Utc::now().timestamp_nanos_opt().and_then(|now| u64::try_from(now).ok()).unwrap_or(0);
        let above = |last: u64| now.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(above(last)));
        let time = above(last.unwrap_or_else(|last| last));
        let start = id.digest().iter().take(8).fold(0, |number, byte| number << 8 | u128::from(*byte));
        Position(u128::from(time) << 64 | start)
    }
}

/// A second of positions.
const SECOND: u128 = 1_000_000_000 << 64;

/// Where a page ends that ends at a picture which its reader may not see: at the end of that picture's second, so that the
/// cursor reveals neither its exact time nor its id. Below `before` in any case, so that paging goes on.
pub(super) fn blurred(until: Position, before: Position) -> Position {
    let end = Position((until.0 / SECOND + 1).saturating_mul(SECOND));
    if end < before { end } else { until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_the_end_of_a_second_and_below_its_start() {
        let at =
            |seconds: u128, nanoseconds: u128, id: u128| Position((seconds * 1_000_000_000 + nanoseconds) << 64 | id);
        assert_eq!(blurred(at(7, 123, 0xabc), at(9, 0, 0)), at(8, 0, 0));
        assert_eq!(blurred(at(7, 123, 0xabc), Position::NEWEST), at(8, 0, 0));
        for before in [at(8, 0, 0), at(7, 124, 0)] {
            assert_eq!(blurred(at(7, 123, 0xabc), before), at(7, 123, 0xabc), "it would not go on otherwise");
        }
    }

    #[test]
    fn each_position_is_above_the_one_before() {
        let positions = Positions::default();
        let given: Vec<_> = (0..=255).rev().map(|n| positions.next(&ImageId::from_digest([n; 32]))).collect();
        assert!(given.is_sorted_by(|older, newer| older < newer));
    }
}
