//! The database as it was at one moment, and the uploads that it had not taken yet.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, TransactionBehavior};
use tokio_util::sync::CancellationToken;

use super::BackupError;
use super::temporary::HeldFolder;
use crate::data::DataDirectory;
use crate::database;
use crate::store::mark_as_copy;

/// Pages (of 4 KiB) that are copied between checks whether to stop.
const PAGES: c_int = 4_096;
/// A writer that holds the database longer than this is stuck.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was caught, in a folder that goes away with it.
pub(super) struct Snapshot {
    place: HeldFolder,
    schema: i64,
}

impl Snapshot {
    /// The copy of the database: one file, complete in itself.
    pub(super) fn database(&self) -> PathBuf {
        self.place.path().join(database::FILE_NAME)
    }

    /// What lay under `new/` at that moment.
    pub(super) fn received(&self) -> PathBuf {
        self.place.path().join("new")
    }

    /// The version of the database's schema.
    pub(super) const fn schema(&self) -> i64 {
        self.schema
    }
}

/// Takes it beside the database: that place is private, and has room for such a file.
pub(super) fn take(directory: &DataDirectory, stop: &CancellationToken) -> Result<Snapshot, BackupError> {
    let place = HeldFolder::make_in(directory.path());
    let place = place.map_err(|why| BackupError::Write { path: directory.path().to_owned(), why })?;
    let mut snapshot = Snapshot { place, schema: 0 };
    let source = at_one_moment(directory, &snapshot.received())?;
    let mut copy = Connection::open(snapshot.database())?;
    let backup = Backup::new(&source, &mut copy)?;
    // The transaction is open over all steps: otherwise a write by another process would begin the copy anew.
    while backup.step(PAGES)? != StepResult::Done {
        if stop.is_cancelled() {
            return Err(BackupError::Interrupted);
        }
    }
    drop(backup);
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    mark_as_copy(&copy)?;
    snapshot.schema = copy.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(snapshot)
}

/// A connection that reads the database as it is now, whatever is written from now on. An upload is taken from `new/` only
/// after the change that says what became of it: so while nobody can change anything, all that the snapshot still waits
/// for is there, and is linked to before it goes.
fn at_one_moment(directory: &DataDirectory, received: &Path) -> Result<Connection, BackupError> {
    let path = directory.path().join(database::FILE_NAME);
    let (mut holding, reading) = (Connection::open(&path)?, Connection::open(&path)?);
    for connection in [&holding, &reading] {
        connection.busy_timeout(TIMEOUT)?;
    }
    let nobody_writes = holding.transaction_with_behavior(TransactionBehavior::Immediate)?;
    link_all(&directory.objects().join("new"), received)?;
    reading.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_schema")?;
    nobody_writes.rollback()?;
    Ok(reading)
}

fn link_all(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |why| BackupError::Read { path: from.to_owned(), why };
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        // Nothing was ever uploaded.
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(failed(why)),
    };
    fs::create_dir(to).map_err(|why| BackupError::Write { path: to.to_owned(), why })?;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        match fs::hard_link(entry.path(), to.join(entry.file_name())) {
            // It was taken already, and the database knows.
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            linked => linked.map_err(|why| BackupError::Read { path: entry.path(), why })?,
        }
    }
    Ok(())
}
