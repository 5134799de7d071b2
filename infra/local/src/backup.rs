//! A data directory as one file, made while it is served.

mod archive;
mod snapshot;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::data::DataDirectory;
use crate::database;
use archive::Archive;

/// Why there is no backup. Nothing is left behind then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It would be overwritten.
    #[error("{0} is there already; choose another name")]
    Exists(PathBuf),
    /// Ctrl-C, or the like.
    #[error("the backup was interrupted; nothing was written")]
    Interrupted,
    /// The file system refused.
    #[error("{path} could not be backed up: {why}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// In the system's words.
        why: io::Error,
    },
    /// The file system refused.
    #[error("{path} could not be written: {why}")]
    Write {
        /// What was written.
        path: PathBuf,
        /// In the system's words.
        why: io::Error,
    },
    /// The database refused.
    #[error("the database could not be copied: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Files of a directory beside the database and the objects.
const SECRETS: [&str; 3] = ["signing-key.pem", "credentials", "identity"];

/// Writes a tar file for its owner alone (0600): a consistent snapshot of the database, the secrets, then the objects. An
/// object is there before the row that names it, so what the snapshot names is found later on; what people deleted
/// meanwhile is left out. To restore it, unpack it into an empty directory.
pub fn write(directory: &DataDirectory, file: &Path, stop: &CancellationToken) -> Result<(), BackupError> {
    if fs::symlink_metadata(file).is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let failed = |why| BackupError::Write { path: file.to_owned(), why };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // 0600, and removed however this ends.
    let unfinished = tempfile::Builder::new().prefix(".labelcast-backup-").tempfile_in(folder).map_err(failed)?;
    let mut archive = Archive::begin(unfinished.reopen().map_err(failed)?, file, directory.path(), stop);
    let snapshot = snapshot::take(directory, stop)?;
    archive.add_as(&snapshot.database(), Path::new(database::FILE_NAME))?;
    for name in SECRETS {
        archive.add(&directory.path().join(name))?;
    }
    archive.add_received(&snapshot.received())?;
    archive.add_objects(&directory.objects())?;
    archive.finish()?;
    unfinished.persist_noclobber(file).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => failed(refused.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests;
