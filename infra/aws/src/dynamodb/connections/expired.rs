use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::limits::TOKEN_GRACE;
use labelcast_functions::model::{Connection, ConnectionId};
use labelcast_functions::ports::PortResult;

use super::DynamoConnections;
use super::rows::{self, CONNECTION, COUNT, ConnectionRow, EXPIRY, EXPIRY_SHARDS, ExpiryRow, REACHED, ReachedRow};
use crate::dynamodb::{Order, Range, action, number, transaction};

/// Minutes that are looked at again although they were empty: clocks differ, and a connection may come late.
const AGAIN: i64 = 5;
/// Minutes looked back where none was reached yet: sweeps begin with the stack.
const FIRST: i64 = 60;
/// Partitions read at a time.
const MAX_CONCURRENT_READS: usize = 16;

impl DynamoConnections {
    /// Goes through the minutes in order, and remembers up to which there is nothing left.
    pub(super) async fn find_expired(&self, now: DateTime<Utc>, limit: usize) -> PortResult<Vec<Connection>> {
        let before = now - TOKEN_GRACE;
        let last = rows::minute(before);
        let reached: Option<ReachedRow> = self.table.get(EXPIRY, REACHED).await?;
        let first = reached.map_or(last - FIRST, |reached| reached.minute);
        let partitions = (first..=last).flat_map(|minute| (0..EXPIRY_SHARDS).map(move |part| (minute, part)));
        let mut pages = stream::iter(partitions)
            .map(async |(minute, part)| -> PortResult<(i64, Vec<ExpiryRow>)> {
                let pk = rows::expiry(minute, part);
                Ok((minute, self.table.query(&pk, Range::All, Order::Ascending, limit).await?))
            })
            .buffered(MAX_CONCURRENT_READS);
        let mut emptied = last - AGAIN;
        let mut expired = Vec::new();
        while let Some((minute, found)) = pages.try_next().await? {
            if !found.is_empty() {
                emptied = emptied.min(minute);
            }
            expired.extend(self.still_expired(found, before).await?);
            if expired.len() >= limit {
                expired.truncate(limit);
                emptied = emptied.min(minute);
                break;
            }
        }
        if emptied > first {
            self.advance(emptied).await?;
        }
        Ok(expired)
    }

    async fn still_expired(&self, found: Vec<ExpiryRow>, before: DateTime<Utc>) -> PortResult<Vec<Connection>> {
        let keys: Vec<(String, String)> =
            found.iter().map(|row| (rows::connection(&row.sk), CONNECTION.to_owned())).collect();
        let connections: Vec<ConnectionRow> = self.table.get_many(&keys).await?;
        for orphan in found.iter().filter(|row| !connections.iter().any(|connection| connection.id == row.sk)) {
            self.delete_orphan(orphan).await?;
        }
        let connections = connections.into_iter().filter(|row| row.caller.expires_at < before);
        Ok(connections.map(ConnectionRow::connection).collect())
    }

    /// Nobody removed this connection before DynamoDB forgot it; its user has it no more.
    async fn delete_orphan(&self, orphan: &ExpiryRow) -> PortResult<()> {
        let table = &self.table;
        let id: &ConnectionId = &orphan.sk;
        let forgotten =
            action::check(table, &rows::connection(id), CONNECTION).condition_expression("attribute_not_exists(pk)");
        let place = action::delete(table, &orphan.pk, id.as_str()).condition_expression("attribute_exists(pk)");
        let count = action::update(table, &rows::user(&orphan.user), COUNT)
            .update_expression("ADD #open :one")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":one", number(-1));
        let actions = vec![
            transaction::check(table, forgotten)?,
            transaction::delete(table, place)?,
            transaction::update(table, count)?,
        ];
        // Whoever else removes it at this moment does the same; if not, the next sweep does.
        table.transact(actions).await.map(drop)
    }

    async fn advance(&self, minute: i64) -> PortResult<()> {
        let call = self
            .table
            .updating(EXPIRY, REACHED)
            .update_expression("SET #minute = :minute")
            .condition_expression("attribute_not_exists(#minute) OR #minute < :minute")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_values(":minute", number(minute));
        self.table.update_if(call).await.map(drop)
    }
}
