//! Trying again where others wrote at the same moment.

use std::time::Duration;

use labelcast_functions::ports::{PortError, PortResult};
use rand::RngExt;

/// With the waits below at most six seconds, mostly half of that.
const ATTEMPTS: u32 = 12;
/// The bound of the waits begins here and doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// It ends here.
const LONGEST_WAIT: Duration = Duration::from_millis(640);

/// The attempts at one change: bounded, with random waits in between, so that those who meet do not meet again.
#[derive(Debug, Default)]
pub(crate) struct Contention {
    attempts: u32,
}

impl Contention {
    /// Waits before the next attempt; an error if there were enough.
    pub(crate) async fn lost(&mut self, what: &'static str) -> PortResult<()> {
        self.attempts += 1;
        metrics::counter!("labelcast_dynamodb_contention_total").increment(1);
        if self.attempts >= ATTEMPTS {
            tracing::warn!(
                what,
                attempts = self.attempts,
                "gave up a change because others kept writing the same rows"
            );
            let why = format!("others wrote the same rows at each of {ATTEMPTS} attempts");
            return Err(PortError::Unavailable { what, why });
        }
        let longest = FIRST_WAIT.saturating_mul(1 << (self.attempts - 1).min(10)).min(LONGEST_WAIT);
        let wait = rand::rng().random_range(Duration::ZERO..=longest);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
