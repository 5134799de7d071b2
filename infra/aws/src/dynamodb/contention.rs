//! Contention of several writers: the loser retries with growing delays.

use std::time::Duration;

use labelcast_functions::backoff;
use labelcast_functions::ports::{PortError, PortResult};

/// Tries beyond the first.
const RETRIES: u32 = 15;
/// Between two tries; chance may take all of it off.
const WAITS: backoff::Backoff =
    backoff::Backoff { first: Duration::from_millis(10), factor: 2, longest: Duration::from_secs(1), jitter: 1.0 };

/// How often something was tried already.
#[derive(Debug)]
pub(crate) struct Backoff {
    retries: u32,
    what: &'static str,
}

impl Backoff {
    /// `what` says in errors what so many write to.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { retries: 0, what }
    }

    /// Waits before the next try, for a time that chance shortens, so that those who met do not meet again. An error once
    /// that was often enough.
    pub(crate) async fn wait(&mut self) -> PortResult<()> {
        if self.retries == RETRIES {
            metrics::counter!("labelcast_contention_exhausted_total").increment(1);
            let why = format!("the same rows were changed concurrently at each of {} attempts", RETRIES + 1);
            return Err(PortError::Unavailable { what: self.what, why });
        }
        self.retries += 1;
        tokio::time::sleep(WAITS.wait(self.retries, rand::random())).await;
        Ok(())
    }
}
