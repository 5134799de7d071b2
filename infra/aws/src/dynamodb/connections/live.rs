use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use labelcast_functions::model::{ConnectionId, Cursor, TopicKey};
use labelcast_functions::ports::{Frame, GoLive, PortResult};

use super::DynamoConnections;
use super::rows::SubscriptionRow;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

/// How far a replay came on the topics of one request.
enum Reached {
    /// The replay's lease had run out.
    Late,
    /// Something was passed over that was not replayed.
    Behind,
    /// These go live now; what is not named is live or ended already.
    Ready(Vec<(SubscriptionRow, u64)>),
}

impl DynamoConnections {
    pub(super) async fn end_replay(
        &self,
        id: &ConnectionId,
        positions: &[(TopicKey, Cursor)],
        response: Frame,
    ) -> PortResult<GoLive> {
        let topics: Vec<&TopicKey> = positions.iter().map(|(topic, _)| topic).collect();
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let Some(connection) = self.row(id).await? else { return Ok(GoLive::Gone) };
            let ready = match self.reached(self.subscription_rows_on(id, &topics).await?, positions) {
                Reached::Ready(ready) => ready,
                Reached::Behind => return Ok(GoLive::Behind),
                Reached::Late => {
                    self.exhaust(id).await?;
                    return Ok(GoLive::Gone);
                }
            };
            let groups: PortResult<Vec<_>> = ready.iter().map(|(row, from)| self.turned_live(row, *from)).collect();
            let mut held = true;
            for mut actions in transaction::pack(groups?, 1) {
                actions.push(self.has_version(&connection, connection.version)?);
                // What went live before one that could not is looked at again, and stays live.
                held = held && self.table.transact(actions).await?.is_ok();
            }
            if held {
                break;
            }
            backoff.wait().await?;
        }
        match self.pusher.post(id, response).await {
            Ok(()) => Ok(GoLive::Live),
            Err(unreached) => {
                tracing::info!(connection = %id, %unreached, "a response did not reach its connection, which is closed");
                self.close(id).await?;
                Ok(GoLive::Gone)
            }
        }
    }

    fn reached(&self, rows: Vec<SubscriptionRow>, positions: &[(TopicKey, Cursor)]) -> Reached {
        let positions: HashMap<&TopicKey, u64> =
            positions.iter().map(|(topic, cursor)| (topic, cursor.seq.0)).collect();
        let now = self.clock.now().timestamp_millis();
        let mut ready = Vec::with_capacity(rows.len());
        let mut behind = false;
        for row in rows.into_iter().filter(|row| row.live_from.is_none()) {
            if row.lease_until <= now {
                return Reached::Late;
            }
            let position = positions.get(&row.topic).copied().unwrap_or(0);
            behind |= row.passed.is_some_and(|passed| passed > position);
            ready.push((row, position));
        }
        if behind { Reached::Behind } else { Reached::Ready(ready) }
    }

    /// Under the condition that nothing was passed over since it was read.
    fn turned_live(&self, row: &SubscriptionRow, from: u64) -> PortResult<Vec<TransactWriteItem>> {
        let table = &self.table;
        let own = action::update(table, &row.pk, &row.sk)
            .update_expression("SET live_from = :from")
            .condition_expression("began = :began AND (attribute_not_exists(passed) OR passed <= :from)")
            .expression_attribute_values(":from", number(from))
            .expression_attribute_values(":began", text(&row.began));
        let mut actions = vec![transaction::update(table, own)?];
        for (pk, sk) in row.places() {
            let by_bucket = action::update(table, &pk, &sk)
                .update_expression("SET live_from = :from")
                .condition_expression("began = :began")
                .expression_attribute_values(":from", number(from))
                .expression_attribute_values(":began", text(&row.began));
            actions.push(transaction::update(table, by_bucket)?);
        }
        Ok(actions)
    }

    /// Closes a connection whose replay did not end in time: it resumes, where it would wait for ever.
    pub(super) async fn exhaust(&self, id: &ConnectionId) -> PortResult<()> {
        tracing::warn!(connection = %id, "a replay did not finish within its lease; closed the connection");
        metrics::counter!("labelcast_replays_over_lease_total").increment(1);
        self.close(id).await
    }

    async fn close(&self, id: &ConnectionId) -> PortResult<()> {
        self.pusher.close(id).await?;
        if let Some(row) = self.row(id).await? {
            self.end_session(&row.connection()).await?;
        }
        Ok(())
    }
}
