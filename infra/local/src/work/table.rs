//! The table of steps.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use labelcast_functions::ports::PortResult;
use rusqlite::{Transaction, params};

use super::Target;
use crate::database::Database;

/// Times that a step may be cut off by the end of the process before that counts as a failed attempt: a step that brings
/// the process down must not do so for ever, and a process that is killed often must not lose good steps.
const INTERRUPTIONS: u32 = 10;

/// A step that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: i64,
    /// Who takes it.
    pub target: Target,
    /// The event's content, as JSON.
    pub payload: String,
    /// This attempt's number, from 1.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
}

/// The table.
#[derive(Clone)]
pub struct WorkTable {
    database: Database,
}

impl WorkTable {
    /// Of this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds steps, claimed already by whoever hands them over in memory. Durable when answered.
    pub(super) async fn add(&self, steps: Vec<(Target, String)>, now: DateTime<Utc>) -> PortResult<Vec<Job>> {
        self.database
            .write(move |transaction| {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO work (target, payload, attempts, claimed, visible_at, created_at) VALUES (?, ?, 1, 1, ?, ?)",
                )?;
                let mut jobs = Vec::with_capacity(steps.len());
                for (target, payload) in steps {
                    let id = insert.insert(params![
                        target.name(),
                        payload,
                        lease_end(target, now),
                        now.timestamp_millis()
                    ])?;
                    jobs.push(Job { id, target, payload, attempt: 1, created_at: now });
                }
                Ok(jobs)
            })
            .await
    }

    /// Claims steps that are visible, oldest first.
    pub(super) async fn claim(&self, now: DateTime<Utc>, limit: usize) -> PortResult<Vec<Job>> {
        let any = move |connection: &rusqlite::Connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM work WHERE dead_at IS NULL AND visible_at <= ?)")?
                .query_row([now.timestamp_millis()], |row| row.get::<_, bool>(0))
        };
        // Most polls find nothing; a look costs less than an empty change.
        if !self.database.read(any).await? {
            return Ok(Vec::new());
        }
        self.database.write(move |transaction| claim(transaction, now, limit)).await
    }

    /// Ends steps that are done.
    pub(super) async fn done(&self, ids: Vec<i64>) -> PortResult<()> {
        self.database
            .write(move |transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM work WHERE id = ?")?;
                ids.iter().try_for_each(|id| delete.execute([id]).map(drop))
            })
            .await
    }

    /// Puts a failed step back until then.
    pub(super) async fn put_back(&self, id: i64, visible_at: DateTime<Utc>, error: String) -> PortResult<()> {
        self.database
            .write(move |transaction| {
                transaction
                    .prepare_cached("UPDATE work SET claimed = 0, visible_at = ?, error = ? WHERE id = ?")?
                    .execute(params![visible_at.timestamp_millis(), error, id])
                    .map(drop)
            })
            .await
    }

    /// Makes a step a dead letter.
    pub(super) async fn bury(&self, id: i64, now: DateTime<Utc>, error: String) -> PortResult<()> {
        self.database
            .write(move |transaction| {
                transaction
                    .prepare_cached("UPDATE work SET claimed = 0, dead_at = ?, error = ? WHERE id = ?")?
                    .execute(params![now.timestamp_millis(), error, id])
                    .map(drop)
            })
            .await
    }

    /// Makes visible what a process that ended left claimed. Only for whoever holds the directory's lock.
    pub(super) async fn take_over(&self, now: DateTime<Utc>) -> PortResult<usize> {
        self.database
            .write(move |transaction| {
                transaction.execute(
                    "UPDATE work SET claimed = 0, visible_at = ?1, interrupted = interrupted + 1,
                        attempts = CASE WHEN interrupted < ?2 THEN attempts - 1 ELSE attempts END
                     WHERE claimed = 1 AND dead_at IS NULL",
                    params![now.timestamp_millis(), INTERRUPTIONS],
                )
            })
            .await
    }

    /// How many steps wait, and how many are dead letters, by target.
    pub(super) async fn depths(&self) -> PortResult<Vec<(Target, u32, u32)>> {
        self.database
            .read(|connection| {
                let mut count = connection.prepare_cached(
                    "SELECT COUNT(*) FILTER (WHERE dead_at IS NULL), COUNT(*) FILTER (WHERE dead_at IS NOT NULL)
                     FROM work WHERE target = ?",
                )?;
                Target::ALL
                    .into_iter()
                    .map(|target| count.query_row([target.name()], |row| Ok((target, row.get(0)?, row.get(1)?))))
                    .collect()
            })
            .await
    }
}

/// A step that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its row.
    pub id: i64,
    /// Who took it.
    pub target: String,
    /// How often.
    pub attempts: u32,
    /// Since when, in milliseconds.
    pub dead_at: i64,
    /// Of the last attempt.
    pub error: String,
}

impl WorkTable {
    /// The dead letters, oldest first.
    pub async fn dead(&self) -> PortResult<Vec<DeadLetter>> {
        self.database
            .read(|connection| {
                let mut select = connection.prepare_cached(
                    "SELECT id, target, attempts, dead_at, COALESCE(error, '') FROM work
                     WHERE dead_at IS NOT NULL ORDER BY dead_at, id",
                )?;
                let read = |row: &rusqlite::Row<'_>| {
                    Ok(DeadLetter {
                        id: row.get(0)?,
                        target: row.get(1)?,
                        attempts: row.get(2)?,
                        dead_at: row.get(3)?,
                        error: row.get(4)?,
                    })
                };
                select.query_map([], read)?.collect()
            })
            .await
    }

    /// Makes dead letters steps again, with all of their attempts; all of them if none is named.
    pub async fn redrive(&self, ids: Vec<i64>, now: DateTime<Utc>) -> PortResult<Redriven> {
        self.database
            .write(move |transaction| {
                let mut update = transaction.prepare_cached(
                    "UPDATE work SET dead_at = NULL, error = NULL, attempts = 0, interrupted = 0, visible_at = ?1
                     WHERE dead_at IS NOT NULL AND (?2 IS NULL OR id = ?2)",
                )?;
                let now = now.timestamp_millis();
                let mut redriven = Redriven::default();
                if ids.is_empty() {
                    redriven.count = update.execute(params![now, rusqlite::types::Null])?;
                }
                // The same id twice is one letter.
                for id in BTreeSet::from_iter(ids) {
                    match update.execute(params![now, id])? {
                        0 => redriven.unknown.push(id),
                        some => redriven.count += some,
                    }
                }
                Ok(redriven)
            })
            .await
    }
}

/// What came of redriving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Dead letters that are steps again.
    pub count: usize,
    /// Ids that are no dead letters.
    pub unknown: Vec<i64>,
}

/// Twice the time-out: while the process lives, an attempt has ended long before.
fn lease_end(target: Target, now: DateTime<Utc>) -> i64 {
    (now + target.time_out() * 2).timestamp_millis()
}

fn claim(transaction: &Transaction<'_>, now: DateTime<Utc>, limit: usize) -> rusqlite::Result<Vec<Job>> {
    let mut select = transaction.prepare_cached(
        "SELECT id, target, payload, attempts, created_at FROM work
         WHERE dead_at IS NULL AND visible_at <= ? ORDER BY id LIMIT ?",
    )?;
    let mut update = transaction
        .prepare_cached("UPDATE work SET claimed = 1, attempts = attempts + 1, visible_at = ? WHERE id = ?")?;
    let rows = select.query_map(params![now.timestamp_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        let target: String = row.get(1)?;
        let created_at: i64 = row.get(4)?;
        Ok((row.get(0)?, target, row.get(2)?, row.get::<_, u32>(3)?, created_at))
    })?;
    let mut jobs = Vec::new();
    for row in rows {
        let (id, target, payload, attempts, created_at) = row?;
        let Ok(target) = target.parse::<Target>() else {
            tracing::error!(id, target, "a step for a function that does not exist was passed over");
            update.execute(params![(now + chrono::Duration::hours(1)).timestamp_millis(), id])?;
            continue;
        };
        update.execute(params![lease_end(target, now), id])?;
        let created_at = DateTime::from_timestamp_millis(created_at).unwrap_or(now);
        jobs.push(Job { id, target, payload, attempt: attempts + 1, created_at });
    }
    Ok(jobs)
}
