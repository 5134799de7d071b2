use aws_sdk_dynamodb::types::TransactWriteItem;
use labelcast_functions::model::{Caller, ConnectionId, Topic, TopicKey};
use labelcast_functions::ports::PortResult;

use super::DynamoConnections;
use super::rows::{self, CONNECTION, ConnectionRow, SubscriptionRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

/// The connection's row, and its place by expiry: the old and the new.
const OWN_ACTIONS: usize = 3;

impl DynamoConnections {
    /// Topics that are no longer allowed end first. The connection's row comes last, with the last part of the others:
    /// whatever was stored in between was stored for the old caller, and moved the version on, so all is done again.
    pub(super) async fn rewrite_caller(
        &self,
        id: &ConnectionId,
        caller: &Caller,
        dropped: &[Topic],
    ) -> PortResult<bool> {
        let dropped: Vec<TopicKey> = dropped.iter().map(|topic| topic.clone().key(&caller.user)).collect();
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let Some(connection) = self.row(id).await? else { return Ok(false) };
            let known = self.subscription_rows(id).await?;
            let (ended, kept): (Vec<_>, Vec<_>) = known.into_iter().partition(|row| dropped.contains(&row.topic));
            self.end(ended).await?;
            let groups: PortResult<Vec<_>> = kept.iter().map(|row| self.with_caller(row, caller)).collect();
            let mut parts = transaction::pack(groups?, OWN_ACTIONS);
            let mut last = parts.pop().unwrap_or_default();
            last.extend(self.connection_with_caller(&connection, caller)?);
            for part in &mut parts {
                part.push(self.has_version(&connection, connection.version)?);
            }
            parts.push(last);
            let mut held = true;
            for part in parts {
                held = held && self.table.transact(part).await?.is_ok();
            }
            if held {
                return Ok(true);
            }
            backoff.wait().await?;
        }
    }

    fn with_caller(&self, row: &SubscriptionRow, caller: &Caller) -> PortResult<Vec<TransactWriteItem>> {
        let table = &self.table;
        let places = [(row.pk.clone(), row.sk.clone())].into_iter().chain(row.places());
        let updates = places.map(|(pk, sk)| {
            let update = action::update(table, &pk, &sk)
                .update_expression("SET caller = :caller, #ttl = :ttl")
                .condition_expression("began = :began")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":caller", table.value(caller)?)
                .expression_attribute_values(":ttl", number(rows::ttl(caller)))
                .expression_attribute_values(":began", text(&row.began));
            transaction::update(table, update)
        });
        updates.collect()
    }

    fn connection_with_caller(&self, old: &ConnectionRow, caller: &Caller) -> PortResult<Vec<TransactWriteItem>> {
        let table = &self.table;
        let expiry = rows::expiry_of(&old.id, caller, self.clock.now());
        let update = action::update(table, &old.pk, CONNECTION)
            .update_expression("SET caller = :caller, expiry = :expiry, #ttl = :ttl, version = :next")
            .condition_expression("version = :version AND connected_at = :connected_at")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":caller", table.value(caller)?)
            .expression_attribute_values(":expiry", text(&expiry))
            .expression_attribute_values(":ttl", number(rows::ttl(caller)))
            .expression_attribute_values(":next", number(old.version + 1))
            .expression_attribute_values(":version", number(old.version))
            .expression_attribute_values(":connected_at", table.value(&old.connected_at)?);
        let mut actions = vec![transaction::update(table, update)?];
        if expiry != old.expiry {
            let new = ConnectionRow { expiry, caller: caller.clone(), ..old.clone() };
            actions.push(transaction::put(table, action::put(table, table.item(&new.expiry_row())?))?);
            actions.push(transaction::delete(table, action::delete(table, &old.expiry, old.id.as_str()))?);
        }
        Ok(actions)
    }
}
