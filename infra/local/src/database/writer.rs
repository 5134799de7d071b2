//! The one writer. Changes that wait are committed together: many small writes share one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};

use labelcast_functions::ports::{PortError, PortResult};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::port_error;

/// Changes that may wait. More wait outside, in order.
const QUEUE: usize = 1024;
/// Changes committed together at most, so that nobody waits long for a commit.
const GROUP: usize = 256;

/// Answers whoever waits for a change, once it is known whether the group was committed.
type Answer = Box<dyn FnOnce(Result<(), &rusqlite::Error>) + Send>;
/// Runs a change within the group's transaction. Tells what SQLite said if it failed.
type Change = Box<dyn FnOnce(&Transaction<'_>) -> (Answer, Option<rusqlite::ffi::Error>) + Send>;

#[derive(Clone)]
pub(super) struct Writer {
    changes: mpsc::Sender<Change>,
}

impl Writer {
    /// Starts the writer's thread; it ends when the last handle is dropped.
    pub(super) fn start(connection: Connection) -> Self {
        let (changes, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("labelcast-writer".to_owned())
            .spawn(move || work(connection, queue))
            .expect("a process that just started can start one more thread");
        Self { changes }
    }

    pub(super) async fn run<T, F>(&self, change: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let boxed: Change = Box::new(move |group| {
            let result = in_savepoint(group, change);
            let failure = result.as_ref().err().and_then(|error| error.sqlite_error().copied());
            let answer: Answer = Box::new(move |committed| {
                let told = match (result, committed) {
                    (Err(error), _) => Err(port_error(&error)),
                    (Ok(_), Err(error)) => Err(port_error(error)),
                    (Ok(value), Ok(())) => Ok(value),
                };
                // Whoever asked may have given up; the change stands all the same.
                let _ = answer.send(told);
            });
            (answer, failure)
        });
        let stopped = || PortError::Unavailable { what: "the database", why: "its writer has stopped".to_owned() };
        self.changes.send(boxed).await.map_err(|_| stopped())?;
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

fn work(mut connection: Connection, mut queue: mpsc::Receiver<Change>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        metrics::histogram!("labelcast_commit_changes").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let mut changes = group.drain(..);
        while changes.len() > 0 {
            let mut answers = Vec::with_capacity(changes.len());
            let committed = commit(&mut connection, &mut changes, &mut answers);
            if let Err(error) = &committed {
                tracing::error!(%error, changes = answers.len(), "changes were not committed; none of them was accepted");
                metrics::counter!("labelcast_commit_failures_total").increment(1);
            }
            for answer in answers {
                answer(committed.as_ref().copied());
            }
        }
    }
}

/// Runs changes in one transaction. Stops early, leaving the others for a transaction of their own, where one failed so
/// badly that SQLite undid all before it.
fn commit(
    connection: &mut Connection,
    changes: &mut std::vec::Drain<'_, Change>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).inspect_err(|_| {
        // Dropping a change drops its answer, and whoever waits is told that the writer did not answer.
        changes.by_ref().for_each(drop);
    })?;
    for change in changes {
        let (answer, failure) = change(&transaction);
        answers.push(answer);
        if transaction.is_autocommit() {
            let failure = failure.unwrap_or_else(|| rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT));
            return Err(rusqlite::Error::SqliteFailure(failure, None));
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests;
