use labelcast_functions::model::Connection;
use labelcast_functions::ports::{Added, PortResult};

use super::DynamoConnections;
use super::rows::{self, CONNECTION, COUNT, ConnectionRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

impl DynamoConnections {
    /// Stores a connection, and counts it as its user's.
    pub(super) async fn begin_session(&self, connection: &Connection, per_user: usize) -> PortResult<Added> {
        let table = &self.table;
        let row = ConnectionRow::new(connection, self.clock.now());
        let mut backoff = Backoff::new(table.what);
        loop {
            let new = action::put(table, table.item(&row)?).condition_expression("attribute_not_exists(pk)");
            let count = action::update(table, &rows::user(&connection.caller.user), COUNT)
                .update_expression("ADD #open :one")
                .condition_expression("attribute_not_exists(#open) OR #open < :limit")
                .expression_attribute_names("#open", "open")
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":limit", number(per_user as u64));
            let expiry = action::put(table, table.item(&row.expiry_row())?);
            let actions = vec![
                transaction::put(table, new)?,
                transaction::update(table, count)?,
                transaction::put(table, expiry)?,
            ];
            let Err(cancelled) = table.transact(actions).await? else { return Ok(Added::Stored) };
            if cancelled.condition_of(0) {
                // This call came before, or the last connection of this name was not cleaned up.
                match self.row(&connection.id).await? {
                    Some(known) if known.connected_at == connection.connected_at => return Ok(Added::Stored),
                    Some(known) => drop(self.end_session(&known.connection()).await?),
                    None => {}
                }
            } else if cancelled.condition_of(1) {
                return Ok(Added::TooMany);
            }
            backoff.wait().await?;
        }
    }

    /// Deletes a connection, then what hangs on it.
    pub(super) async fn end_session(&self, read: &Connection) -> PortResult<bool> {
        let table = &self.table;
        let mut backoff = Backoff::new(table.what);
        loop {
            let row = match self.row(&read.id).await? {
                Some(row) if row.connected_at == read.connected_at => row,
                _ => return Ok(false),
            };
            let old = action::delete(table, &row.pk, CONNECTION)
                .condition_expression("connected_at = :connected_at AND expiry = :expiry")
                .expression_attribute_values(":connected_at", table.value(&row.connected_at)?)
                .expression_attribute_values(":expiry", text(&row.expiry));
            let count = action::update(table, &rows::user(&row.caller.user), COUNT)
                .update_expression("ADD #open :one")
                .expression_attribute_names("#open", "open")
                .expression_attribute_values(":one", number(-1));
            let actions = vec![
                transaction::delete(table, old)?,
                transaction::update(table, count)?,
                transaction::delete(table, action::delete(table, &row.expiry, row.id.as_str()))?,
            ];
            if table.transact(actions).await?.is_ok() {
                break;
            }
            backoff.wait().await?;
        }
        // Whoever subscribes checks that the connection is there, so nothing is added any more.
        self.end(self.subscription_rows(&read.id).await?).await?;
        Ok(true)
    }
}
