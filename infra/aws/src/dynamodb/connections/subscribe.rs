use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{ConnectionId, TopicKey};
use labelcast_functions::ports::{PortResult, Replacing, Subscribed, Subscription};

use super::DynamoConnections;
use super::rows::{CONNECTION, ConnectionRow, SubscriptionRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

/// Rows deleted at a time.
const MAX_CONCURRENT_DELETES: usize = 16;

impl DynamoConnections {
    /// Stores subscriptions. One transaction takes some 50 topics without a filter; beyond, each part checks that the
    /// connection is as it was read, and the whole begins again if it is not.
    pub(super) async fn store(
        &self,
        id: &ConnectionId,
        request: &[Subscription],
        replacing: Replacing,
        limit: usize,
    ) -> PortResult<Subscribed> {
        let mut backoff = Backoff::new(self.table.what);
        loop {
            // The connection first: if its version did not move, neither did what is read after it.
            let Some(connection) = self.row(id).await? else { return Ok(Subscribed::Gone) };
            let known = self.subscription_rows(id).await?;
            let mut known: HashMap<TopicKey, SubscriptionRow> =
                known.into_iter().map(|row| (row.topic.clone(), row)).collect();
            let named: BTreeSet<&TopicKey> = request.iter().map(|subscription| &subscription.topic).collect();
            let kept = match replacing {
                Replacing::All => 0,
                Replacing::Same => known.keys().filter(|topic| !named.contains(topic)).count(),
            };
            if kept + named.len() > limit {
                return Ok(Subscribed::TooMany);
            }
            let now = self.clock.now();
            // Where a topic stands twice, the last one counts.
            let last: HashMap<&TopicKey, &Subscription> =
                request.iter().map(|subscription| (&subscription.topic, subscription)).collect();
            let mut groups = Vec::with_capacity(last.len());
            for (topic, subscription) in last {
                let row = SubscriptionRow::begin(&connection, subscription, self.shards, now);
                groups.push(self.replaced(known.remove(topic).as_ref(), &row)?);
            }
            if replacing == Replacing::All {
                for row in known.into_values() {
                    groups.push(self.deleted(&row)?);
                }
            }
            if self.transact_on(&connection, groups).await? {
                return Ok(Subscribed::Stored);
            }
            backoff.wait().await?;
        }
    }

    /// Makes these changes while the connection is as it was read, and moves its version on. False if it is not.
    async fn transact_on(&self, connection: &ConnectionRow, groups: Vec<Vec<TransactWriteItem>>) -> PortResult<bool> {
        for (part, mut actions) in transaction::pack(groups, 1).into_iter().enumerate() {
            actions.push(match part {
                0 => self.next_version(connection)?,
                _ => self.has_version(connection, connection.version + 1)?,
            });
            if self.table.transact(actions).await?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn next_version(&self, connection: &ConnectionRow) -> PortResult<TransactWriteItem> {
        let next = action::update(&self.table, &connection.pk, CONNECTION)
            .update_expression("SET version = :next")
            .condition_expression("version = :version AND connected_at = :connected_at")
            .expression_attribute_values(":next", number(connection.version + 1))
            .expression_attribute_values(":version", number(connection.version))
            .expression_attribute_values(":connected_at", self.table.value(&connection.connected_at)?);
        transaction::update(&self.table, next)
    }

    /// Checks that the connection is there, of this version.
    pub(super) fn has_version(&self, connection: &ConnectionRow, version: u64) -> PortResult<TransactWriteItem> {
        let check = action::check(&self.table, &connection.pk, CONNECTION)
            .condition_expression("version = :version AND connected_at = :connected_at")
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":connected_at", self.table.value(&connection.connected_at)?);
        transaction::check(&self.table, check)
    }

    fn replaced(&self, old: Option<&SubscriptionRow>, new: &SubscriptionRow) -> PortResult<Vec<TransactWriteItem>> {
        let table = &self.table;
        let mut actions = vec![transaction::put(table, action::put(table, table.item(new)?))?];
        for row in new.by_bucket() {
            actions.push(transaction::put(table, action::put(table, table.item(&row)?))?);
        }
        let places: BTreeSet<(String, String)> = new.places().collect();
        for (pk, sk) in old.into_iter().flat_map(SubscriptionRow::places).filter(|place| !places.contains(place)) {
            actions.push(transaction::delete(table, action::delete(table, &pk, &sk))?);
        }
        Ok(actions)
    }

    fn deleted(&self, old: &SubscriptionRow) -> PortResult<Vec<TransactWriteItem>> {
        let table = &self.table;
        let places = old.places().chain([(old.pk.clone(), old.sk.clone())]);
        places.map(|(pk, sk)| transaction::delete(table, action::delete(table, &pk, &sk))).collect()
    }

    /// Ends subscriptions that still are those that were read. What visitors see goes first: if this is cut off, the rest
    /// is found again under the connection.
    pub(super) async fn end(&self, read: Vec<SubscriptionRow>) -> PortResult<()> {
        let delete = async |pk: String, sk: String, began: String| {
            let call = self
                .table
                .deleting(&pk, &sk)
                .condition_expression("attribute_not_exists(pk) OR began = :began")
                .expression_attribute_values(":began", text(began));
            self.table.delete_if(call).await.map(drop)
        };
        let by_bucket: Vec<(String, String, String)> =
            read.iter().flat_map(|row| row.places().map(|(pk, sk)| (pk, sk, row.began.clone()))).collect();
        let own: Vec<(String, String, String)> = read.into_iter().map(|row| (row.pk, row.sk, row.began)).collect();
        for rows in [by_bucket, own] {
            stream::iter(rows)
                .map(async |(pk, sk, began)| delete(pk, sk, began).await)
                .buffer_unordered(MAX_CONCURRENT_DELETES)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }
}
