//! Deletes in bounded batches, so that the writer is never blocked for long.

use labelcast_functions::ports::PortResult;
use rusqlite::Transaction;

use crate::database::Database;

/// Rows changed in one step.
pub(super) const BATCH: u64 = 500;

/// Repeats a change that handles at most [`BATCH`] rows until it finds fewer; returns how many in all.
pub(super) async fn until_done<F>(database: &Database, change: F) -> PortResult<u64>
where
    F: Fn(&Transaction<'_>) -> rusqlite::Result<u64> + Clone + Send + 'static,
{
    let mut total = 0;
    loop {
        let changed = database.write(change.clone()).await?;
        total += changed;
        if changed < BATCH {
            return Ok(total);
        }
    }
}
