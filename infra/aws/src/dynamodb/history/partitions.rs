//! Notifications whose receivers are served by several runs of `deliver`.
//! See `docs/guarantees.md#delivered-watermark`, `docs/guarantees.md#shards`.
//!
//! The number stays in flight in its topics' heads; which parts are still to come stands in a row of its own, so that heads stay
//! small and are not written once a part.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use labelcast_functions::ports::{PortResult, TopicPosition};

use super::DynamoHistory;
use super::rows::{self, HEAD, PartitionsRow};
use crate::dynamodb::{number, text};

/// Partitions that never complete are deleted, long after their number counts as exhausted.
const KEPT: TimeDelta = TimeDelta::days(1);

impl DynamoHistory {
    /// All parts are to come, and the number is in flight until the last of them has ended; again, where this is a repeat.
    pub(super) async fn partition_all(&self, positions: &[TopicPosition], partitions: u32) -> PortResult<()> {
        let Some(first) = positions.first() else { return Ok(()) };
        let now = self.clock.now();
        let row = PartitionsRow {
            pk: rows::topic(&first.topic.to_string()),
            sk: rows::partitions(first.seq.0),
            epoch: first.cursor.epoch.clone(),
            left: (0..partitions).collect(),
            ttl: (now + KEPT).timestamp(),
        };
        self.table.put(&row).await?;
        let in_flight = positions.iter().map(async |place| {
            let call = self
                .table
                .updating(&rows::topic(&place.topic.to_string()), HEAD)
                .update_expression("SET in_flight.#seq = :now")
                .condition_expression("epoch = :epoch")
                .expression_attribute_names("#seq", place.seq.0.to_string())
                .expression_attribute_values(":now", number(now.timestamp_millis()))
                .expression_attribute_values(":epoch", text(place.cursor.epoch.as_str()));
            // In another life of the history there is nothing to be in flight.
            self.table.update_if(call).await.map(drop)
        });
        try_join_all(in_flight).await.map(drop)
    }

    /// Strikes a part; the last one settles the number. Whoever is cut off in between does it again with its message.
    pub(super) async fn mark_partitions_delivered(
        &self,
        positions: &[TopicPosition],
        partition: u32,
    ) -> PortResult<()> {
        let Some(first) = positions.first() else { return Ok(()) };
        let (pk, sk) = (rows::topic(&first.topic.to_string()), rows::partitions(first.seq.0));
        let strike = self
            .table
            .updating(&pk, &sk)
            .update_expression("DELETE #left :part")
            .condition_expression("epoch = :epoch")
            .expression_attribute_names("#left", "left")
            .expression_attribute_values(":part", AttributeValue::Ns(vec![partition.to_string()]))
            .expression_attribute_values(":epoch", text(first.cursor.epoch.as_str()))
            .return_values(ReturnValue::AllNew);
        // Where there is no row, all parts have ended.
        let Ok(Some(row)) = self.table.update_if(strike).await? else { return Ok(()) };
        // DynamoDB has no empty sets.
        if row.contains_key("left") {
            return Ok(());
        }
        self.settle_all(positions).await?;
        // Unless a repeat has partitioned it again.
        let last = self.table.deleting(&pk, &sk).condition_expression("attribute_not_exists(#left)");
        self.table.delete_if(last.expression_attribute_names("#left", "left")).await.map(drop)
    }
}
