//! Keeps the write-ahead log short. SQLite goes back to its beginning only in a moment when nobody reads, which a busy
//! server never has by itself: without this, the file grows for as long as the load lasts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::BUSY_TIMEOUT;

/// While changes keep coming, the log is emptied once it is as long as this, in bytes.
const MAX_BUSY: u64 = 64 << 20;
/// Once changes stop coming, it is emptied if it is longer than this.
const MAX_IDLE: u64 = 1 << 20;
/// How often its length is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Changes wait this long at most for those who still read an older state; then it is tried again later.
const WAIT_FOR_READERS: Duration = Duration::from_millis(100);

/// The log of one database, as its writer looks after it.
pub(super) struct LogFile {
    path: PathBuf,
    looked_at: Instant,
    /// Whether something was committed since it was last found short.
    written: bool,
}

impl LogFile {
    pub(super) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), looked_at: Instant::now(), written: true }
    }

    /// How long the writer may wait for changes before it looks again; `None`: there is nothing to look for.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.written.then_some(LOOK_EVERY)
    }

    /// To be called after each commit.
    pub(super) fn committed(&mut self, connection: &Connection) {
        self.written = true;
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.look(connection, MAX_BUSY);
        }
    }

    /// To be called when no change came for as long as [`LogFile::wait`] says.
    pub(super) fn idle(&mut self, connection: &Connection) {
        // Readers that hold it up do so for a moment; whoever commits next makes it try again.
        self.written = false;
        self.look(connection, MAX_IDLE);
    }

    fn look(&mut self, connection: &Connection, longest: u64) {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        metrics::gauge!("labelcast_wal_bytes").set(u32::try_from(length).unwrap_or(u32::MAX));
        if length > longest
            && let Err(error) = truncate(connection)
        {
            tracing::warn!(%error, length, "the write-ahead log could not be truncated; will retry");
        }
        // A look that took long is not repeated at once.
        self.looked_at = Instant::now();
    }
}

/// Copies the log into the database and empties it. False if somebody read an older state for too long.
pub(super) fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(WAIT_FOR_READERS)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(emptied? == 0)
}
