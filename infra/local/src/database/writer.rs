//! The one writer. Changes that wait are committed together: many small writes share one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use labelcast_functions::ports::{PortError, PortResult};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::log_file::{self, LogFile};
use super::port_error;

/// Changes that may wait. More wait outside, in order.
const QUEUE: usize = 1024;
/// Changes committed together at most, so that nobody waits long for a commit.
const GROUP: usize = 256;
/// How long a change that goes along waits for a commit that comes anyway.
const GO_ALONG: Duration = Duration::from_millis(50);

/// Responds to whoever waits for a change, once it is known whether the group was committed.
type Reply = Box<dyn FnOnce(Result<(), &rusqlite::Error>) + Send>;
/// Runs a change within the group's transaction. Tells what SQLite said if it failed.
type Change = Box<dyn FnOnce(&Transaction<'_>) -> (Reply, Option<rusqlite::ffi::Error>) + Send>;

/// When a change is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// With the next group, and on the disk when it is acknowledged.
    Now,
    /// With the next group, without waiting for the disk.
    Repeatable,
    /// With the next group that does not consist of such changes alone, or after [`GO_ALONG`]; without waiting for the disk.
    Along,
}

enum Request {
    Change(
        Urgency,
        Change,
        #[expect(dead_code, reason = "given back when the change is taken up")] OwnedSemaphorePermit,
    ),
    Checkpoint(oneshot::Sender<PortResult<()>>),
}

#[derive(Clone)]
pub(super) struct Writer {
    requests: Sender<Request>,
    /// Bounds what waits in the channel, which does not by itself.
    places: Arc<Semaphore>,
}

fn stopped() -> PortError {
    PortError::Unavailable { what: "the database", why: "its writer has stopped".to_owned() }
}

impl Writer {
    /// Starts the writer's thread; it ends when the last handle is dropped.
    pub(super) fn start(connection: Connection, path: &Path) -> Self {
        let (requests, queue) = channel();
        let log = LogFile::of(path);
        std::thread::Builder::new()
            .name("labelcast-writer".to_owned())
            .spawn(move || {
                let along = Vec::new();
                Work { connection, log, along, since: Instant::now(), waits_for_disk: true }.run(&queue);
            })
            .expect("a process that just started can start one more thread");
        Self { requests, places: Arc::new(Semaphore::new(QUEUE)) }
    }

    /// `then` runs on the writer's thread once the change is committed, before the caller gets the result and before the
    /// next change; even if nobody waits for the result any more.
    pub(super) async fn run<T, U, F, G>(&self, urgency: Urgency, change: F, then: G) -> PortResult<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let boxed: Change = Box::new(move |group| {
            let result = in_savepoint(group, change);
            let failure = result.as_ref().err().and_then(|error| error.sqlite_error().copied());
            let reply: Reply = Box::new(move |committed| {
                let reported = match (result, committed) {
                    (Err(error), _) => Err(port_error(&error)),
                    (Ok(_), Err(error)) => Err(port_error(error)),
                    (Ok(value), Ok(())) => Ok(then(value)),
                };
                // The caller may have stopped waiting; the change stands all the same.
                let _ = reply.send(reported);
            });
            (reply, failure)
        });
        let place = self.places.clone().acquire_owned().await.map_err(|_| stopped())?;
        self.requests.send(Request::Change(urgency, boxed, place)).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    pub(super) async fn checkpoint(&self) -> PortResult<()> {
        let (reply, outcome) = oneshot::channel();
        self.requests.send(Request::Checkpoint(reply)).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

/// Runs one change so that its failure undoes nothing but itself.
fn in_savepoint<T>(
    group: &Transaction<'_>,
    change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    group.prepare_cached("SAVEPOINT change")?.execute([])?;
    let result = match catch_unwind(AssertUnwindSafe(|| change(group))) {
        Ok(result) => result,
        // The message was printed by the panic hook; the writer itself must go on.
        Err(_) => Err(rusqlite::Error::InvalidQuery),
    };
    // Some failures, a full disk among them, may undo the whole transaction: then there is no savepoint any more.
    if !group.is_autocommit() {
        if result.is_err() {
            group.prepare_cached("ROLLBACK TO change")?.execute([])?;
        }
        group.prepare_cached("RELEASE change")?.execute([])?;
    }
    result
}

/// What the writer's thread works with.
struct Work {
    connection: Connection,
    log: LogFile,
    /// Changes that wait for a commit to go along with, and since when the first of them does.
    along: Vec<Change>,
    since: Instant,
    /// Whether commits wait for the disk at present.
    waits_for_disk: bool,
}

impl Work {
    fn run(mut self, queue: &Receiver<Request>) {
        loop {
            let first = match self.next(queue) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => {
                    match self.along.is_empty() {
                        true => self.log.idle(&self.connection),
                        false => self.commit(Vec::new(), false),
                    }
                    continue;
                }
                // Nobody can ask for anything any more.
                Err(RecvTimeoutError::Disconnected) => return self.commit(Vec::new(), false),
            };
            let (mut now, mut durable) = (Vec::new(), false);
            let mut checkpoints = Vec::new();
            for request in std::iter::once(first).chain(queue.try_iter().take(GROUP - 1)) {
                match request {
                    Request::Change(urgency @ (Urgency::Now | Urgency::Repeatable), change, _) => {
                        now.push(change);
                        durable |= urgency == Urgency::Now;
                    }
                    Request::Change(Urgency::Along, change, _) => {
                        if self.along.is_empty() {
                            self.since = Instant::now();
                        }
                        self.along.push(change);
                    }
                    Request::Checkpoint(reply) => checkpoints.push(reply),
                }
            }
            // The time may be over although others keep the queue busy.
            if !now.is_empty() || !checkpoints.is_empty() || self.time_left() == Some(Duration::ZERO) {
                self.commit(now, durable);
            }
            for reply in checkpoints {
                let emptied = log_file::truncate(&self.connection).map(drop).map_err(|error| port_error(&error));
                // The caller may have gone.
                let _ = reply.send(emptied);
            }
        }
    }

    fn next(&self, queue: &Receiver<Request>) -> Result<Request, RecvTimeoutError> {
        match self.time_left().or_else(|| self.log.wait()) {
            Some(time) => queue.recv_timeout(time),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// How long what goes along still waits for others; `None` if nothing does.
    fn time_left(&self) -> Option<Duration> {
        (!self.along.is_empty()).then(|| GO_ALONG.saturating_sub(self.since.elapsed()))
    }

    /// Commits these, and what goes along; waits for the disk if any of them has to be durable.
    fn commit(&mut self, mut group: Vec<Change>, durable: bool) {
        group.append(&mut self.along);
        if group.is_empty() {
            return;
        }
        if self.waits_for_disk != durable {
            // In a write-ahead log, NORMAL writes a commit and leaves it to the next FULL one to sync both.
            let level = if durable { "FULL" } else { "NORMAL" };
            match self.connection.pragma_update(None, "synchronous", level) {
                Ok(()) => self.waits_for_disk = durable,
                // Only ever too careful: it was FULL, or the connection is broken and the commit fails too.
                Err(error) => tracing::error!(%error, "the database rejected `PRAGMA synchronous`"),
            }
        }
        metrics::histogram!("labelcast_commit_changes").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let mut changes = group.drain(..);
        while changes.len() > 0 {
            let mut replies = Vec::with_capacity(changes.len());
            let committed = commit(&mut self.connection, &mut changes, &mut replies);
            if let Err(error) = &committed {
                tracing::error!(%error, changes = replies.len(), "changes were not committed; all of them were refused");
                metrics::counter!("labelcast_commit_failures_total").increment(1);
            }
            for reply in replies {
                reply(committed.as_ref().copied());
            }
        }
        drop(changes);
        self.log.committed(&self.connection);
    }
}

/// Runs changes in one transaction. Stops early, leaving the others for a transaction of their own, where one failed so
/// badly that SQLite undid all before it.
fn commit(
    connection: &mut Connection,
    changes: &mut std::vec::Drain<'_, Change>,
    replies: &mut Vec<Reply>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).inspect_err(|_| {
        // Dropping a change drops its reply, and the caller gets an error saying that the writer did not respond.
        changes.by_ref().for_each(drop);
    })?;
    for change in changes {
        let (reply, failure) = change(&transaction);
        replies.push(reply);
        if transaction.is_autocommit() {
            let failure = failure.unwrap_or_else(|| rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT));
            return Err(rusqlite::Error::SqliteFailure(failure, None));
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests;
