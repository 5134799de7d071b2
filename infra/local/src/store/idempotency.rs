use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Claimed, Idempotency, IdempotencyClaim, PortResult};
use rusqlite::{OptionalExtension, Transaction, params};

use super::batches::{BATCH, until_done};
use crate::database::Database;

/// How long a claim counts.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// The requests that came before, in the database.
#[derive(Clone)]
pub struct SqliteIdempotency {
    database: Database,
}

impl SqliteIdempotency {
    /// Idempotency keys kept in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Idempotency for SqliteIdempotency {
    async fn claim(&self, claimed: &IdempotencyClaim, now: DateTime<Utc>) -> PortResult<Claimed> {
        let claimed = claimed.clone();
        self.database.write(move |group| claim(group, &claimed, now)).await
    }

    async fn done(&self, api_key: &Name, key: &str) -> PortResult<()> {
        let (api_key, key) = (api_key.clone(), key.to_owned());
        self.database
            .write(move |group| {
                group
                    .prepare_cached("UPDATE idempotency SET done = 1 WHERE api_key = ?1 AND key = ?2")?
                    .execute(params![api_key.as_str(), key])
                    .map(drop)
            })
            .await
    }

    async fn expire(&self, now: DateTime<Utc>) -> PortResult<u64> {
        let oldest = (now - REMEMBERED).timestamp_millis();
        until_done(&self.database, move |group| {
            let forgotten = group
                .prepare_cached(concat!(
                    "DELETE FROM idempotency WHERE (api_key, key) IN ",
                    "(SELECT api_key, key FROM idempotency WHERE claimed_at < ?1 LIMIT ?2)"
                ))?
                .execute(params![oldest, BATCH])?;
            Ok(forgotten as u64)
        })
        .await
    }
}

fn claim(group: &Transaction<'_>, claimed: &IdempotencyClaim, now: DateTime<Utc>) -> rusqlite::Result<Claimed> {
    let known: Option<([u8; 32], String, bool)> = group
        .prepare_cached(
            "SELECT request, id, done FROM idempotency WHERE api_key = ?1 AND key = ?2 AND claimed_at >= ?3",
        )?
        .query_row(params![claimed.api_key.as_str(), claimed.key, (now - REMEMBERED).timestamp_millis()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    if let Some((request, id, done)) = known {
        return Ok(if request == claimed.request { Claimed::Again { id, done } } else { Claimed::Conflict });
    }
    group
        .prepare_cached(concat!(
            "INSERT OR REPLACE INTO idempotency (api_key, key, request, id, done, claimed_at) ",
            "VALUES (?1, ?2, ?3, ?4, 0, ?5)"
        ))?
        .execute(params![claimed.api_key.as_str(), claimed.key, claimed.request, claimed.id, now.timestamp_millis()])?;
    Ok(Claimed::First)
}
