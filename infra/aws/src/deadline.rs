//! The time left of an invocation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Kept of it when pushing ends: to close or hand on who was not served, to settle, and to clean up.
const KEPT: Duration = Duration::from_secs(15);

tokio::task_local! {
    static UNTIL: Instant;
}

/// Runs an invocation that Lambda ends at this moment, in milliseconds since 1970.
pub(crate) async fn within<F: Future>(deadline: u64, invocation: F) -> F::Output {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(deadline).saturating_sub(now);
    UNTIL.scope(Instant::now() + left.saturating_sub(KEPT), invocation).await
}

/// When pushing has to end; `None` outside of an invocation.
pub(crate) fn push_until() -> Option<Instant> {
    UNTIL.try_with(|until| *until).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pushing_ends_before_the_invocation_does() {
        let in_a_minute = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_mins(1);
        let until = within(u64::try_from(in_a_minute.as_millis()).unwrap(), async { push_until() }).await.unwrap();
        let left = until - Instant::now();
        assert!(left > Duration::from_secs(40) && left <= Duration::from_secs(45), "{left:?}");
        assert_eq!(push_until(), None);
    }

    #[tokio::test]
    async fn no_time_remains_after_the_deadline() {
        let until = within(0, async { push_until() }).await.unwrap();
        assert!(until <= Instant::now());
    }
}
