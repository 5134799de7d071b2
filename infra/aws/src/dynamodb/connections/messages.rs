use std::sync::PoisonError;
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use chrono::{DateTime, Utc};
use labelcast_functions::limits::BURST_SECONDS;
use labelcast_functions::live::Excess;
use labelcast_functions::model::{Connection, ConnectionId};
use labelcast_functions::ports::{MessageAllowed, PortResult};

use super::DynamoConnections;
use super::rows::{self, CONNECTION, ConnectionRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{Item, number};

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// One message, as it is counted.
struct Message<'a> {
    id: &'a ConnectionId,
    per_second: u32,
    /// In microseconds, as all that follows.
    now: i64,
    /// As far as the messages before it may reach, so that there is room for it.
    latest: i64,
}

impl DynamoConnections {
    /// The token bucket as one number that one conditional write moves on: the moment at which all messages so far would
    /// be through if they came exactly at the rate. A message moves it on by the time of one; it may run ahead of now by
    /// the time of a full bucket (twice the rate, so two seconds).
    ///
    /// A message is counted with one call where this process knows how the one before it fared, else with two.
    pub(super) async fn count_message(
        &self,
        id: &ConnectionId,
        per_second: u32,
        now: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        let per_second = per_second.max(1);
        let (each, now) = (SECOND / i64::from(per_second), now.timestamp_micros());
        let message = Message { id, per_second, now, latest: now + i64::from(BURST_SECONDS) * SECOND - each };
        let mut backoff = Backoff::new(self.table.what);
        if self.is_flooding(id)
            && let Some(counted) = self.ignore(&message).await?
        {
            return Ok(Some(counted));
        }
        loop {
            // Whoever sends now and then is behind the moment, and is through with one call.
            let idle = self
                .counting(&message)
                .update_expression("SET messages_until = :next")
                .condition_expression("messages_until < :now")
                .expression_attribute_values(":next", number(now + each));
            let row = match self.table.update_if(idle).await? {
                Ok(row) => return self.counted(row, MessageAllowed::Yes),
                Err(None) => return Ok(None),
                Err(Some(row)) => row,
            };
            let known: ConnectionRow = self.table.read(row)?;
            let counted = match known.messages_until > message.latest {
                true => self.exceed(&message, known).await?,
                false => {
                    let busy = self
                        .counting(&message)
                        .update_expression("SET messages_until = messages_until + :each")
                        .condition_expression("messages_until BETWEEN :now AND :latest")
                        .expression_attribute_values(":each", number(each))
                        .expression_attribute_values(":latest", number(message.latest));
                    match self.table.update_if(busy).await? {
                        Ok(row) => return self.counted(row, MessageAllowed::Yes),
                        Err(None) => return Ok(None),
                        Err(Some(_)) => None,
                    }
                }
            };
            match counted {
                Some(counted) => return Ok(Some(counted)),
                // Another message came in between.
                None => backoff.wait().await?,
            }
        }
    }

    /// Counts a message beyond the rate; `None` if another one came in between.
    async fn exceed(
        &self,
        message: &Message<'_>,
        known: ConnectionRow,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        self.remember_flooding(message.id);
        let before = known.warned_at;
        let now = Duration::from_micros(u64::try_from(message.now).unwrap_or(0));
        match Excess::one_more(known.excess(), message.per_second, now) {
            (MessageAllowed::RateLimited, excess) => {
                let warn = self
                    .counting(message)
                    .update_expression("SET warned_at = :now, warnings = :warnings, ignored = :ignored")
                    .condition_expression(
                        "attribute_exists(pk) AND (attribute_not_exists(warned_at) OR warned_at = :before)",
                    )
                    .expression_attribute_values(":warnings", number(excess.warnings))
                    .expression_attribute_values(":ignored", number(excess.ignored))
                    .expression_attribute_values(":before", number(before));
                let Ok(row) = self.table.update_if(warn).await? else { return Ok(None) };
                self.counted(row, MessageAllowed::RateLimited)
            }
            (MessageAllowed::Ignored, _) => self.ignore(message).await,
            (allowed, _) => Ok(Some((known.connection(), allowed))),
        }
    }

    /// Counts a message that comes within a second after it was said that they are too many; `None` if it does not.
    async fn ignore(&self, message: &Message<'_>) -> PortResult<Option<(Connection, MessageAllowed)>> {
        let ignore = self
            .counting(message)
            .update_expression("SET ignored = ignored + :one")
            .condition_expression("messages_until > :latest AND warned_at > :a_second_ago AND warned_at <= :now")
            .expression_attribute_values(":latest", number(message.latest))
            .expression_attribute_values(":a_second_ago", number(message.now - SECOND))
            .expression_attribute_values(":one", number(1));
        let Ok(Some(row)) = self.table.update_if(ignore).await? else { return Ok(None) };
        let row: ConnectionRow = self.table.read(row)?;
        let allowed = row.excess().map_or(MessageAllowed::Ignored, |excess| excess.of_ignored(message.per_second));
        Ok(Some((row.connection(), allowed)))
    }

    fn counting(&self, message: &Message<'_>) -> UpdateItemFluentBuilder {
        self.table
            .updating(&rows::connection(message.id), CONNECTION)
            .return_values(ReturnValue::AllNew)
            .expression_attribute_values(":now", number(message.now))
    }

    /// Whether the last message beyond the rate that this process saw was this connection's. A function serves one message at a
    /// time, so a flood mostly comes to one that knows.
    fn is_flooding(&self, id: &ConnectionId) -> bool {
        self.flooding.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(id)
    }

    fn remember_flooding(&self, id: &ConnectionId) {
        *self.flooding.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
    }

    fn counted(&self, row: Option<Item>, allowed: MessageAllowed) -> PortResult<Option<(Connection, MessageAllowed)>> {
        let row: Option<ConnectionRow> = row.map(|row| self.table.read(row)).transpose()?;
        Ok(row.map(|row| (row.connection(), allowed)))
    }
}
