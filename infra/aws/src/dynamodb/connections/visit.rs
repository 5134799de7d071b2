use std::collections::HashSet;
use std::ops::Range;

use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{ConnectionId, Seq, TopicKey};
use labelcast_functions::ports::{PortResult, Subscription, Which};

use super::DynamoConnections;
use super::rows::{self, BucketRow, SubscriptionRow};
use crate::dynamodb::number;

/// Partitions and buckets read at a time.
const MAX_CONCURRENT_READS: usize = 16;
/// Replaying subscriptions written to at a time.
const MAX_CONCURRENT_WRITES: usize = 32;
/// A lease is taken for over only this long after its end: clocks differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(30);

impl DynamoConnections {
    pub(super) async fn visit_some(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        shards: Range<u32>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        let begins: Vec<String> = match which {
            Which::All => vec![String::new()],
            Which::InBuckets(buckets) => buckets.iter().map(rows::in_bucket).collect(),
        };
        let request: Vec<(u32, String, String)> = shards
            .flat_map(|shard| self.shards.partitions(topic, shard).into_iter().map(move |pk| (shard, pk)))
            .flat_map(|(shard, pk)| begins.iter().map(move |begin| (shard, pk.clone(), begin.clone())))
            .collect();
        let mut pages = stream::iter(request)
            .map(|(shard, pk, begin)| {
                self.table.pages::<BucketRow>(&pk, &begin).map_ok(move |page| (shard, begin.clone(), page))
            })
            .flatten_unordered(MAX_CONCURRENT_READS);
        let mut seen: HashSet<ConnectionId> = HashSet::new();
        let mut replaying = Vec::new();
        while let Some((shard, begin, page)) = pages.try_next().await? {
            for row in page {
                // A label may hold the character that ends one.
                let elsewhere = !begin.is_empty() && begin.strip_suffix('#') != Some(&row.bucket);
                if elsewhere || !self.shards.holds(shard, &row.connection) {
                    continue;
                }
                if row.buckets > 1 && !seen.insert(row.connection.clone()) {
                    continue;
                }
                match row.is_due(seq) {
                    Some(true) => visitor(&row.subscription(topic)),
                    Some(false) => {}
                    None => replaying.push(row.connection),
                }
            }
        }
        let mut live = stream::iter(replaying)
            .map(async |connection| self.pass_over(&connection, topic, seq).await)
            .buffer_unordered(MAX_CONCURRENT_WRITES);
        while let Some(live) = live.try_next().await? {
            if let Some(subscription) = live {
                visitor(&subscription);
            }
        }
        Ok(())
    }

    /// Writes into a replaying subscription that this number was passed over. Returns it if it went live meanwhile and is
    /// due the number.
    async fn pass_over(
        &self,
        connection: &ConnectionId,
        topic: &TopicKey,
        seq: Seq,
    ) -> PortResult<Option<Subscription>> {
        let over = (self.clock.now() - CLOCKS_DIFFER).timestamp_millis();
        let call = self
            .table
            .updating(&rows::connection(connection), &rows::subscription(topic))
            .update_expression("SET passed = :seq")
            .condition_expression(
                "attribute_not_exists(live_from) AND lease_until > :over AND (attribute_not_exists(passed) OR passed < :seq)",
            )
            .expression_attribute_values(":seq", number(seq.0))
            .expression_attribute_values(":over", number(over));
        let Err(Some(row)) = self.table.update_if(call).await? else { return Ok(None) };
        let row: SubscriptionRow = self.table.read(row)?;
        match row.live_from {
            Some(from) => Ok((from < seq.0).then(|| row.subscription())),
            None => {
                // Nobody else's notification fails for it; the next one that comes tries again.
                if row.lease_until <= over
                    && let Err(error) = self.exhaust(connection).await
                {
                    tracing::warn!(%connection, %error, "could not close a connection whose replay did not finish");
                }
                Ok(None)
            }
        }
    }
}
