use aws_sdk_dynamodb::types::ReturnValue;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Connection, ConnectionId};
use labelcast_functions::ports::{MessageAllowed, PortResult};

use super::super::contention::Backoff;
use super::super::{Item, number};
use super::DynamoConnections;
use super::rows::{self, CONNECTION, ConnectionRow};

impl DynamoConnections {
    /// The token bucket as one number that one conditional write moves on: the moment at which all messages so far would
    /// be through if they came exactly at the rate. A message moves it on by the time of one; it may run ahead of now by
    /// the time of a full bucket (twice the rate, so two seconds).
    pub(super) async fn count_message(
        &self,
        id: &ConnectionId,
        per_second: u32,
        now: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        let each = 1_000_000 / i64::from(per_second.max(1));
        let now = now.timestamp_micros();
        // Room for one more message must be left.
        let latest = now + 2_000_000 - each;
        let update = || {
            self.table
                .updating(&rows::connection(id), CONNECTION)
                .return_values(ReturnValue::AllNew)
                .expression_attribute_values(":now", number(now))
        };
        let mut backoff = Backoff::new(self.table.what);
        loop {
            // Whoever sends now and then is behind the moment, and is through with one call.
            let idle = update()
                .update_expression("SET messages_until = :next")
                .condition_expression("messages_until < :now")
                .expression_attribute_values(":next", number(now + each));
            let row = match self.table.update_if(idle).await? {
                Ok(row) => return self.counted(row, MessageAllowed::Yes),
                Err(None) => return Ok(None),
                Err(Some(row)) => row,
            };
            let known: ConnectionRow = self.table.read(row.clone())?;
            if known.messages_until > latest {
                return self.counted(Some(row), MessageAllowed::RateLimited);
            }
            let busy = update()
                .update_expression("SET messages_until = messages_until + :each")
                .condition_expression("messages_until BETWEEN :now AND :latest")
                .expression_attribute_values(":each", number(each))
                .expression_attribute_values(":latest", number(latest));
            match self.table.update_if(busy).await? {
                Ok(row) => return self.counted(row, MessageAllowed::Yes),
                Err(None) => return Ok(None),
                // Another message came in between.
                Err(Some(_)) => backoff.wait().await?,
            }
        }
    }

    fn counted(&self, row: Option<Item>, allowed: MessageAllowed) -> PortResult<Option<(Connection, MessageAllowed)>> {
        let row: Option<ConnectionRow> = row.map(|row| self.table.read(row)).transpose()?;
        Ok(row.map(|row| (row.connection(), allowed)))
    }
}
