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

/// A job ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The id of its row. Later jobs have higher ids.
    pub id: i64,
    /// The function that runs it.
    pub target: Target,
    /// The request, or why the row cannot be read.
    pub request: Result<JobRequest, PayloadError>,
    /// Size of the row's payload, in bytes.
    pub(super) bytes: usize,
    /// The number of this attempt, from 1. An attempt interrupted by the end of the process does not count.
    pub attempt: u32,
    /// When the job was accepted.
    pub created_at: DateTime<Utc>,
    /// For a suspect, how often the process ended while it ran alone; `None` for other jobs.
    pub(super) suspect: Option<u32>,
}

/// The backlog of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) target: Target,
    /// Number of jobs waiting or running.
    pub(super) waiting: u32,
    pub(super) dead: u32,
    /// When the oldest of them was accepted.
    pub(super) oldest: Option<DateTime<Utc>>,
}

/// The result of a query for due jobs.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) jobs: Vec<Job>,
    /// The id of the last row examined; 0 if there is none.
    pub(super) last: i64,
    /// Whether there may be more rows after it.
    pub(super) more: bool,
}

/// The table of jobs. Cheap to clone.
#[derive(Clone)]
pub struct JobTable {
    database: Database,
}

impl JobTable {
    /// The table of this database.
    pub fn new(database: &Database) -> Self {
        Self { database: database.for_jobs() }
    }

    /// The data directory that the database is in.
    pub(super) fn directory(&self) -> &Path {
        self.database.path().parent().unwrap_or(Path::new("."))
    }

    /// Adds jobs. Durable on return; `then` gets them before that, in the order of their rows.
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

    /// Due jobs of one function, oldest first, up to a limit, except those under a lease.
    pub(super) async fn due(
        &self,
        target: Target,
        now: DateTime<Utc>,
        most: usize,
        leased: HashSet<i64>,
    ) -> PortResult<Due> {
        self.database.read(move |connection| due(connection, target, now, most, &leased)).await
    }

    /// Removes completed jobs. Nobody waits for this, so it joins another commit. The caller must hold the lease.
    pub(super) async fn done(&self, ids: Vec<i64>) -> PortResult<()> {
        self.database
            .write_along(move |transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM work WHERE id = ? AND dead_at IS NULL")?;
                ids.iter().try_for_each(|id| delete.execute([id]).map(drop))
            })
            .await
    }

    /// Returns a failed job to the queue with its number of failures, until it is due again. The caller must hold the
    /// lease.
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

    /// Makes a job a dead letter. The caller must hold the lease.
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

    /// Makes suspects of the jobs that an ended process left running; repeating it has no effect. Returns their number. The
    /// caller must hold the directory's lock.
    pub(super) async fn take_over(&self, left: Interrupted, now: DateTime<Utc>) -> PortResult<usize> {
        if left.jobs.is_empty() {
            return Ok(0);
        }
        self.database.write(move |transaction| take_over(transaction, &left, now)).await
    }

    /// Waiting and dead-lettered jobs, by function.
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

/// A dead letter: an exhausted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id of its row, by which it is redriven.
    pub id: i64,
    /// The function that ran it.
    pub target: String,
    /// How many attempts failed.
    pub attempts: u32,
    /// When it became a dead letter, in milliseconds since 1970.
    pub dead_at: i64,
    /// The error of the last attempt.
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

    /// Redrives the named dead letters, or all of them if none is named, with all their attempts. One that killed the
    /// process runs alone again.
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

/// The result of redriving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Number of dead letters that are jobs again.
    pub count: usize,
    /// Ids that no dead letter has.
    pub unknown: Vec<i64>,
}

/// Payload size after which a query ends, in bytes: jobs that run together are read into memory.
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

/// The request of a row.
fn read(target: Target, stored: &[u8]) -> Result<JobRequest, PayloadError> {
    let text = std::str::from_utf8(stored).map_err(|error| PayloadError::Unreadable(error.to_string()))?;
    let request = payload::read(text)?;
    match Target::of(&request) == target {
        true => Ok(request),
        false => Err(PayloadError::Unreadable(format!("it is not for `{}`", target.name()))),
    }
}

/// The stored setting that holds the run id whose interruptions were counted last.
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
