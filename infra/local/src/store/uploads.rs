use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Upload, UploadId, UploadState, UserId};
use labelcast_functions::ports::{Created, PortResult, Quota, Uploads};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::batches::{BATCH, until_done};
use super::columns::{limit, moment, optional_image_id, parsed};
use crate::database::Database;

/// The rows of uploads in the database.
#[derive(Clone)]
pub struct SqliteUploads {
    database: Database,
}

impl SqliteUploads {
    /// Uploads kept in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Uploads for SqliteUploads {
    async fn create(&self, upload: &Upload, quota: Quota) -> PortResult<Created> {
        let upload = upload.clone();
        self.database.write(move |group| create(group, &upload, quota)).await
    }

    async fn get(&self, id: &UploadId) -> PortResult<Option<Upload>> {
        let id = id.clone();
        self.database.read(move |connection| get(connection, &id)).await
    }

    async fn reject(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        let sql = "UPDATE uploads SET state = 'rejected', reason = ?2 WHERE id = ?1 AND state = 'pending'";
        self.end(sql, id, reason).await
    }

    async fn fail(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        let sql = "UPDATE uploads SET state = 'failed', reason = ?2 WHERE id = ?1 AND state IN ('pending', 'received')";
        self.end(sql, id, reason).await
    }

    async fn stale(&self, state: UploadState, before: DateTime<Utc>, at_most: usize) -> PortResult<Vec<Upload>> {
        self.database
            .read(move |connection| {
                let mut statement = connection.prepare_cached(concat!(
                    "SELECT id, user, name, state, image, reason, created_at, detached FROM uploads ",
                    "WHERE state = ?1 AND created_at < ?2 ORDER BY created_at, id LIMIT ?3"
                ))?;
                let rows = params![state.as_str(), before.timestamp_millis(), limit(at_most)];
                statement.query_map(rows, upload)?.collect()
            })
            .await
    }

    async fn forget(&self, before: DateTime<Utc>) -> PortResult<u64> {
        until_done(&self.database, move |group| {
            let forgotten = group
                .prepare_cached(concat!(
                    "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads ",
                    "WHERE state IN ('pending', 'rejected', 'labelled', 'failed') AND created_at < ?1 LIMIT ?2)"
                ))?
                .execute(params![before.timestamp_millis(), BATCH])?;
            Ok(forgotten as u64)
        })
        .await
    }

    async fn count_since(&self, user: &UserId, since: DateTime<Utc>) -> PortResult<u64> {
        let user = user.clone();
        self.database.read(move |connection| count_since(connection, &user, since, i64::MAX)).await
    }
}

impl SqliteUploads {
    async fn end(&self, sql: &'static str, id: &UploadId, reason: &str) -> PortResult<bool> {
        let (id, reason) = (id.clone(), reason.to_owned());
        self.database
            .write(move |group| Ok(group.prepare_cached(sql)?.execute(params![id.as_str(), reason])? > 0))
            .await
    }
}

fn create(group: &Transaction<'_>, upload: &Upload, quota: Quota) -> rusqlite::Result<Created> {
    if count_since(group, &upload.user, quota.since, quota.per_hour.into())? >= quota.per_hour.into() {
        return Ok(Created::OverQuota);
    }
    group
        .prepare_cached(concat!(
            "INSERT INTO uploads (id, user, name, state, image, reason, created_at) ",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute(params![
            upload.id.as_str(),
            upload.user.as_str(),
            upload.name,
            upload.state.as_str(),
            upload.image_id.as_ref().map(|id| id.digest().as_slice()),
            upload.reason,
            upload.created_at.timestamp_millis(),
        ])?;
    Ok(Created::Stored)
}

/// Counts no further than `enough`.
fn count_since(connection: &Connection, user: &UserId, since: DateTime<Utc>, enough: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM uploads WHERE user = ?1 AND created_at > ?2 LIMIT ?3)")?
        .query_row(params![user.as_str(), since.timestamp_millis(), enough], |row| row.get(0))
}

pub(super) fn get(connection: &Connection, id: &UploadId) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached("SELECT id, user, name, state, image, reason, created_at, detached FROM uploads WHERE id = ?1")?
        .query_row([id.as_str()], upload)
        .optional()
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: parsed(row, 0)?,
        user: parsed(row, 1)?,
        name: row.get(2)?,
        state: parsed(row, 3)?,
        image_id: optional_image_id(row, 4)?,
        reason: row.get(5)?,
        created_at: moment(row, 6)?,
        detached: row.get(7)?,
    })
}
