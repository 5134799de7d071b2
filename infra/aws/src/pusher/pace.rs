//! The rate of a run's posts, and their deadline.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use labelcast_functions::ports::PortResult;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Posts of a push that go without asking, so that few receivers cost no write. A hundred runs at once stay within API
/// Gateway's burst of 5,000 so.
const UNASKED: u32 = 16;

/// Posts a second that all runs share.
#[async_trait]
pub trait PostRate: Send + Sync + std::fmt::Debug {
    /// Reserves so many posts in a row; returns how long to wait before the first.
    async fn reserve(&self, posts: u32) -> PortResult<Duration>;

    /// The most that is worth reserving at once: fewer cost more calls, more make others wait longer.
    fn lump(&self) -> u32;

    /// How long so many posts take at the share of one run, where nobody knows what the others do.
    fn alone(&self, posts: u32) -> Duration;
}

/// The turns of one push. Whoever asks first is served first.
pub(super) struct Pace {
    rate: Option<Arc<dyn PostRate>>,
    until: Instant,
    turns: Mutex<Turns>,
}

struct Turns {
    /// Posts that may go now.
    reserved: u32,
    /// Posts that are still to come, retries not counted.
    left: u32,
}

/// The time of the function is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeIsUp;

impl Pace {
    /// For so many posts.
    pub(super) fn new(rate: Option<Arc<dyn PostRate>>, posts: usize, until: Instant) -> Self {
        let left = u32::try_from(posts).unwrap_or(u32::MAX);
        Self { rate, until, turns: Mutex::new(Turns { reserved: UNASKED, left }) }
    }

    /// Waits until the next post may go.
    pub(super) async fn turn(&self) -> Result<(), TimeIsUp> {
        if Instant::now() >= self.until {
            return Err(TimeIsUp);
        }
        let Some(rate) = &self.rate else { return Ok(()) };
        let mut turns = self.turns.lock().await;
        if turns.reserved == 0 {
            let posts = turns.left.clamp(1, rate.lump());
            let wait = rate.reserve(posts).await.unwrap_or_else(|error| {
                metrics::counter!("labelcast_post_rate_failures_total").increment(1);
                tracing::warn!(%error, "the shared rate of posts is unavailable; this run keeps to its own share");
                rate.alone(posts)
            });
            self.wait(wait).await?;
            turns.reserved = posts;
        }
        turns.reserved -= 1;
        turns.left = turns.left.saturating_sub(1);
        Ok(())
    }

    /// Waits so long, unless the time is up before.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), TimeIsUp> {
        if Instant::now() + time >= self.until {
            return Err(TimeIsUp);
        }
        tokio::time::sleep(time).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use labelcast_functions::ports::PortError;

    use super::*;

    /// A hundred posts a second in lumps of ten, counted.
    #[derive(Debug, Default)]
    struct Counted {
        reserved: AtomicU32,
        fails: bool,
    }

    #[async_trait]
    impl PostRate for Counted {
        async fn reserve(&self, posts: u32) -> PortResult<Duration> {
            if self.fails {
                return Err(PortError::Unavailable { what: "the rate", why: "no response".to_owned() });
            }
            Ok(Duration::from_millis(10) * self.reserved.fetch_add(posts, Ordering::Relaxed))
        }

        fn lump(&self) -> u32 {
            10
        }

        fn alone(&self, posts: u32) -> Duration {
            Duration::from_millis(100) * posts
        }
    }

    async fn posted(rate: Counted, posts: usize, within: Duration) -> (usize, Duration) {
        let begin = Instant::now();
        let pace = Pace::new(Some(Arc::new(rate)), posts, begin + within);
        let mut posted = 0;
        while posted < posts && pace.turn().await.is_ok() {
            posted += 1;
        }
        (posted, begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_posts_reserve_nothing() {
        let rate = Arc::new(Counted::default());
        let pace = Pace::new(Some(rate.clone()), 16, Instant::now() + Duration::from_secs(1));
        for _ in 0..16 {
            pace.turn().await.unwrap();
        }
        assert_eq!(rate.reserved.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn many_posts_respect_the_shared_rate() {
        let (count, took) = posted(Counted::default(), 216, Duration::from_mins(1)).await;
        assert_eq!(count, 216);
        assert!(took >= Duration::from_millis(1_900), "200 posts at 100 a second took {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_post_starts_after_the_deadline() {
        let (count, took) = posted(Counted::default(), 1_000, Duration::from_secs(1)).await;
        assert!(count < 200 && took <= Duration::from_secs(1), "{count} in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_cannot_reach_the_table_keeps_to_its_share() {
        let rate = Counted { fails: true, ..Counted::default() };
        let (count, took) = posted(rate, 36, Duration::from_mins(1)).await;
        assert_eq!((count, took.as_secs()), (36, 2));
    }
}
