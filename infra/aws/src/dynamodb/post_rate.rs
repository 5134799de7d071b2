//! The rate of posts that all runs share: one row, which says when the next post may go. Whoever wants to post moves that
//! moment on by the time that its posts take at the rate, and waits for where it was.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;
use labelcast_functions::ports::{Clock, PortResult};

use super::contention::Backoff;
use super::{Item, Table, number};
use crate::pusher::PostRate;

/// `rate` / `posts`, in the table of connections: `next` is a moment in microseconds.
const PK: &str = "rate";
const SK: &str = "posts";
const NEXT: &str = "next";

/// Posts of a tenth of a second are reserved at once: ten writes a second, whatever the rate.
const LUMPS_A_SECOND: u32 = 10;

/// The rate of posts that all runs share, kept in one row.
#[derive(Clone)]
pub struct DynamoPostRate {
    table: Table,
    clock: Arc<dyn Clock>,
    per_second: NonZeroU32,
    runs: NonZeroU32,
    /// Whether somebody was posting when it was last called: then the row is expected to be ahead of the clock.
    busy: Arc<AtomicBool>,
}

impl std::fmt::Debug for DynamoPostRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamoPostRate").field("per_second", &self.per_second).finish_non_exhaustive()
    }
}

impl DynamoPostRate {
    /// Posts a second by all runs together, and how many of these there are at once at most.
    pub fn new(table: Table, clock: Arc<dyn Clock>, per_second: NonZeroU32, runs: NonZeroU32) -> Self {
        Self { table, clock, per_second, runs, busy: Arc::new(AtomicBool::new(false)) }
    }

    fn micros(&self, posts: u32) -> i64 {
        (i64::from(posts) * 1_000_000).div_euclid(i64::from(self.per_second.get())).max(1)
    }

    /// Behind whoever posts now; `None` if nobody does.
    async fn behind(&self, now: i64, cost: i64) -> PortResult<Option<Duration>> {
        let call = self
            .table
            .updating(PK, SK)
            .update_expression("SET #next = #next + :cost")
            .condition_expression("#next > :now")
            .expression_attribute_names("#next", NEXT)
            .expression_attribute_values(":cost", number(cost))
            .expression_attribute_values(":now", number(now))
            .return_values(ReturnValue::UpdatedNew);
        let Ok(Some(row)) = self.table.update_if(call).await? else { return Ok(None) };
        Ok(Some(Duration::from_micros(u64::try_from(moment(&row) - cost - now).unwrap_or(0))))
    }

    /// At once; false if somebody posts.
    async fn first(&self, now: i64, cost: i64) -> PortResult<bool> {
        let call = self
            .table
            .updating(PK, SK)
            .update_expression("SET #next = :next")
            .condition_expression("attribute_not_exists(#next) OR #next <= :now")
            .expression_attribute_names("#next", NEXT)
            .expression_attribute_values(":next", number(now + cost))
            .expression_attribute_values(":now", number(now));
        Ok(self.table.update_if(call).await?.is_ok())
    }
}

fn moment(row: &Item) -> i64 {
    row.get(NEXT).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[async_trait]
impl PostRate for DynamoPostRate {
    async fn reserve(&self, posts: u32) -> PortResult<Duration> {
        let cost = self.micros(posts);
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let now = self.clock.now().timestamp_micros();
            if self.busy.load(Ordering::Relaxed) {
                if let Some(wait) = self.behind(now, cost).await? {
                    return Ok(wait);
                }
                self.busy.store(false, Ordering::Relaxed);
            }
            // Whoever comes next is behind this one, and so is the next lump.
            self.busy.store(true, Ordering::Relaxed);
            if self.first(now, cost).await? {
                return Ok(Duration::ZERO);
            }
            if let Some(wait) = self.behind(now, cost).await? {
                return Ok(wait);
            }
            backoff.wait().await?;
        }
    }

    fn lump(&self) -> u32 {
        (self.per_second.get() / LUMPS_A_SECOND).max(1)
    }

    fn alone(&self, posts: u32) -> Duration {
        Duration::from_secs(1) * posts * self.runs.get() / self.per_second.get()
    }
}
