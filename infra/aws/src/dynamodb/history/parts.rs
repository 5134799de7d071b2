//! Notifications whose receivers are served by several runs of `deliver` (rules 7 and 14).

use std::collections::HashMap;

use futures_util::future::try_join_all;
use labelcast_functions::ports::{Placed, PortResult};

use super::super::{number, text};
use super::DynamoHistory;
use super::rows::{self, HEAD};

/// Parts that one update writes: an expression has 4 KB (DynamoDB developer guide, limits).
const AT_ONCE: u32 = 100;

impl DynamoHistory {
    /// In place of the number, its parts are in flight. The number itself goes with the last of them, so that the mark
    /// stays below it all the time.
    pub(super) async fn divide_all(&self, placed: &[Placed], parts: u32) -> PortResult<()> {
        try_join_all(placed.iter().map(|place| self.divide_one(place, parts))).await.map(drop)
    }

    async fn divide_one(&self, place: &Placed, parts: u32) -> PortResult<()> {
        let now = self.clock.now().timestamp_millis();
        let mut first = 0;
        while first < parts {
            let next = first.saturating_add(AT_ONCE).min(parts);
            let names: HashMap<String, String> =
                (first..next).map(|part| (format!("#p{part}"), rows::part(place.seq.0, part))).collect();
            let set: Vec<String> = names.keys().map(|name| format!("in_flight.{name} = :now")).collect();
            let set = format!("SET {}", set.join(", "));
            let call = self.head_of(place).set_expression_attribute_names(Some(names));
            let call = call.expression_attribute_values(":now", number(now));
            let call = match next == parts {
                true => call
                    .update_expression(format!("{set} REMOVE in_flight.#seq"))
                    .expression_attribute_names("#seq", place.seq.0.to_string()),
                false => call.update_expression(set),
            };
            self.table.update_if(call).await?.ok();
            first = next;
        }
        Ok(())
    }

    pub(super) async fn settle_parts(&self, placed: &[Placed], part: u32) -> PortResult<()> {
        let settling = placed.iter().map(async |place| {
            let call = self
                .head_of(place)
                .update_expression("REMOVE in_flight.#part")
                .expression_attribute_names("#part", rows::part(place.seq.0, part));
            self.table.update_if(call).await.map(drop)
        });
        try_join_all(settling).await.map(drop)
    }

    /// An update of the topic's head, in the life of the history that the number is of; in another there is nothing to do.
    fn head_of(&self, place: &Placed) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.table
            .updating(&rows::topic(&place.topic.to_string()), HEAD)
            .condition_expression("epoch = :epoch")
            .expression_attribute_values(":epoch", text(place.cursor.epoch.as_str()))
    }
}
