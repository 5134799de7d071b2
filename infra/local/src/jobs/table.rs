//! The table of jobs, which is their queue.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use labelcast_functions::model::JobRequest;
use labelcast_functions::ports::PortResult;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::running::Interrupted;
use super::{NewJob, PayloadError, Target, payload, retry};
use crate::database::Database;

/// A job as it is handed to its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its row. Later jobs have higher numbers.
    pub id: i64,
    /// Who takes it.
    pub target: Target,
    /// What is asked of the function, or why the row does not say.
    pub request: Result<JobRequest, PayloadError>,
    /// Bytes of the row's payload.
    pub(super) bytes: usize,
    /// The number of the attempt that runs, from 1. What was cut off by the end of the process is no attempt.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// Set if it was under way when the process ended: how often that happened while it ran alone.
    pub(super) suspect: Option<u32>,
}

/// How much waits for one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) target: Target,
    /// Jobs that wait or run.
    pub(super) waiting: u32,
    pub(super) dead: u32,
    /// When the oldest of those that wait or run was accepted.
    pub(super) oldest: Option<DateTime<Utc>>,
}

/// What a look at the table has shown.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) jobs: Vec<Job>,
    /// The last row that was looked at; 0 if there is none.
    pub(super) last: i64,
    /// Whether there may be more behind it.
    pub(super) more: bool,
}

/// The table.
#[derive(Clone)]
pub struct JobTable {
    database: Database,
}

impl JobTable {
    /// Of this database.
    pub fn new(database: &Database) -> Self {
        Self { database: database.for_jobs() }
    }

    /// The data directory.
    pub(super) fn directory(&self) -> &Path {
        self.database.path().parent().unwrap_or(Path::new("."))
    }

    /// Adds jobs. Durable when answered; `then` gets them before that, in the order of the rows.
    pub(super) async fn add(
        &self,
        jobs: Vec<NewJob>,
        now: DateTime<Utc>,
        then: impl FnOnce(Vec<Job>) + Send + 'static,
    ) -> PortResult<()> {
        let add = move |transaction: &Transaction<'_>| {
            let mut insert = transaction
                .prepare_cached("INSERT INTO work (target, payload, visible_at, created_at) VALUES (?, ?, 0, ?)")?;
            let add = |NewJob { request, payload }: NewJob| {
                let target = Target::of(&request);
                let id = insert.insert(params![target.name(), payload, now.timestamp_millis()])?;
                let (request, bytes) = (Ok(request), payload.len());
                Ok(Job { id, target, request, bytes, attempt: 1, created_at: now, suspect: None })
            };
            jobs.into_iter().map(add).collect()
        };
        self.database.write_then(add, then).await
    }

    /// Jobs of one function that may run now, oldest first, up to so many, save those that are under a lease.
    pub(super) async fn due(
        &self,
        target: Target,
        now: DateTime<Utc>,
        most: usize,
        leased: HashSet<i64>,
    ) -> PortResult<Due> {
        self.database.read(move |connection| due(connection, target, now, most, &leased)).await
    }

    /// Ends jobs that are done. Nobody waits for it, so it goes along with another commit. Only for whoever holds the lease.
    pub(super) async fn done(&self, ids: Vec<i64>) -> PortResult<()> {
        self.database
            .write_along(move |transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM work WHERE id = ? AND dead_at IS NULL")?;
                ids.iter().try_for_each(|id| delete.execute([id]).map(drop))
            })
            .await
    }

    /// Puts a job that failed so often back until then. Only for whoever holds the lease.
    pub(super) async fn put_back(
        &self,
        id: i64,
        attempts: u32,
        visible_at: DateTime<Utc>,
        error: String,
    ) -> PortResult<()> {
        // It failed without killing the process, so it is no suspect.
        let put_back = "UPDATE work SET attempts = ?, visible_at = ?, error = ?, suspect = NULL
                        WHERE id = ? AND dead_at IS NULL";
        self.failed(put_back, id, attempts, visible_at, error).await
    }

    /// Makes a job a dead letter. Only for whoever holds the lease.
    pub(super) async fn dead_letter(
        &self,
        id: i64,
        attempts: u32,
        now: DateTime<Utc>,
        error: String,
    ) -> PortResult<()> {
        let bury = "UPDATE work SET attempts = ?, dead_at = ?, error = ? WHERE id = ? AND dead_at IS NULL";
        self.failed(bury, id, attempts, now, error).await
    }

    async fn failed(
        &self,
        update: &'static str,
        id: i64,
        attempts: u32,
        at: DateTime<Utc>,
        error: String,
    ) -> PortResult<()> {
        let at = at.timestamp_millis();
        self.database
            .write(move |transaction| {
                transaction.prepare_cached(update)?.execute(params![attempts, at, error, id]).map(drop)
            })
            .await
    }

    /// Makes suspects of what a process that ended left under way; once, however often it is called with the same. Answers how
    /// many there are. Only for whoever holds the directory's lock.
    pub(super) async fn take_over(&self, left: Interrupted, now: DateTime<Utc>) -> PortResult<usize> {
        if left.jobs.is_empty() {
            return Ok(0);
        }
        self.database.write(move |transaction| take_over(transaction, &left, now)).await
    }

    /// How much waits and is dead, by function.
    pub(super) async fn depths(&self) -> PortResult<Vec<Depth>> {
        self.database
            .read(|connection| {
                let mut waiting = connection.prepare_cached(
                    "SELECT COUNT(*), (SELECT created_at FROM work WHERE target = ?1 AND dead_at IS NULL ORDER BY id LIMIT 1)
                     FROM work WHERE target = ?1 AND dead_at IS NULL",
                )?;
                let mut dead =
                    connection.prepare_cached("SELECT COUNT(*) FROM work WHERE target = ? AND dead_at IS NOT NULL")?;
                let depth = |target: Target| {
                    let (waiting, oldest) =
                        waiting.query_row([target.name()], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))?;
                    let dead = dead.query_row([target.name()], |row| row.get(0))?;
                    Ok(Depth { target, waiting, dead, oldest: oldest.and_then(DateTime::from_timestamp_millis) })
                };
                Target::ALL.into_iter().map(depth).collect()
            })
            .await
    }
}

/// A job that used up its attempts.
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

impl JobTable {
    /// The dead letters, oldest first.
    pub async fn dead(&self) -> PortResult<Vec<DeadLetter>> {
        self.database
            .read(|connection| {
                let mut select = connection.prepare_cached(
                    "SELECT id, target, attempts, dead_at, COALESCE(error, '') FROM work
                     WHERE dead_at IS NOT NULL ORDER BY dead_at, id",
                )?;
                let read = |row: &Row<'_>| {
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

    /// Makes dead letters jobs again, with all of their attempts; all of them if none is named. One that killed the process
    /// runs alone again.
    pub async fn redrive(&self, ids: Vec<i64>, now: DateTime<Utc>) -> PortResult<Redriven> {
        self.database
            .write(move |transaction| {
                let mut update = transaction.prepare_cached(
                    "UPDATE work SET dead_at = NULL, error = NULL, attempts = 0, suspect = suspect * 0, visible_at = ?1
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
    /// Dead letters that are jobs again.
    pub count: usize,
    /// Ids that are no dead letters.
    pub unknown: Vec<i64>,
}

/// Bytes of payload after which a look ends: what is run together is read into memory.
const MAX_BYTES: usize = 4 << 20;

fn due(
    connection: &Connection,
    target: Target,
    now: DateTime<Utc>,
    most: usize,
    leased: &HashSet<i64>,
) -> rusqlite::Result<Due> {
    let mut select = connection.prepare_cached(
        "SELECT id, payload, attempts, created_at, suspect FROM work
         WHERE target = ? AND dead_at IS NULL AND visible_at <= ? ORDER BY id",
    )?;
    let mut rows = select.query(params![target.name(), now.timestamp_millis()])?;
    let (mut due, mut bytes) = (Due::default(), 0);
    while let Some(row) = rows.next()? {
        if due.jobs.len() == most || bytes >= MAX_BYTES {
            due.more = true;
            break;
        }
        due.last = row.get(0)?;
        if leased.contains(&due.last) {
            continue;
        }
        let stored = row.get_ref(1)?.as_bytes()?;
        bytes += stored.len();
        due.jobs.push(Job {
            id: due.last,
            target,
            request: read(target, stored),
            bytes: stored.len(),
            attempt: row.get::<_, u32>(2)? + 1,
            created_at: DateTime::from_timestamp_millis(row.get(3)?).unwrap_or(now),
            suspect: row.get(4)?,
        });
    }
    Ok(due)
}

/// What a row asks of its function.
fn read(target: Target, stored: &[u8]) -> Result<JobRequest, PayloadError> {
    let text = std::str::from_utf8(stored).map_err(|error| PayloadError::Unreadable(error.to_string()))?;
    let request = payload::read(text)?;
    match Target::of(&request) == target {
        true => Ok(request),
        false => Err(PayloadError::Unreadable(format!("it is not for `{}`", target.name()))),
    }
}

/// The setting that holds the run whose interruptions were counted last.
const COUNTED_RUN: &str = "jobs_counted_run";

fn take_over(transaction: &Transaction<'_>, left: &Interrupted, now: DateTime<Utc>) -> rusqlite::Result<usize> {
    let run = left.run.to_string();
    let counted: Option<String> = transaction
        .query_row("SELECT value FROM settings WHERE name = ?", [COUNTED_RUN], |row| row.get(0))
        .optional()?;
    if counted.as_ref() == Some(&run) {
        return Ok(0);
    }
    let mut find = transaction.prepare("SELECT target, suspect FROM work WHERE id = ? AND dead_at IS NULL")?;
    let mut suspect = transaction.prepare("UPDATE work SET suspect = ?, visible_at = ? WHERE id = ?")?;
    let mut suspects = 0;
    for (id, alone) in &left.jobs {
        let row: Option<(String, Option<u32>)> =
            find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        // What was done already, only not written down yet, was found by its row; what is gone is fine.
        let Some((target, before)) = row else { continue };
        let interruptions = before.unwrap_or(0) + u32::from(*alone);
        let in_order = target.parse::<Target>().is_ok_and(Target::in_order);
        let visible_at = if in_order { 0 } else { (now + retry::wait_of_suspect(interruptions)).timestamp_millis() };
        suspects += suspect.execute(params![interruptions, visible_at, id])?;
    }
    transaction.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", params![COUNTED_RUN, run])?;
    Ok(suspects)
}
