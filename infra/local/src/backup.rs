//! A data directory as one file, made while it is served.

mod archive;
mod snapshot;
mod temporary;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::data::DataDirectory;
use crate::database;
use archive::Archive;
use temporary::UnfinishedFile;
pub(crate) use temporary::{left_over_in, remove, remove_left_over};

/// Why there is no backup. Nothing is left behind then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of this name, which would be overwritten.
    #[error("{0} already exists; choose another name")]
    Exists(PathBuf),
    /// The backup was ended by Ctrl-C or a signal.
    #[error("the backup was interrupted; nothing was written")]
    Interrupted,
    /// The file system refused.
    #[error("{path} could not be backed up: {why}")]
    Read {
        /// The file that it is about.
        path: PathBuf,
        /// Why, in the system's words.
        why: io::Error,
    },
    /// The file system refused.
    #[error("{path} could not be written: {why}")]
    Write {
        /// The file that it is about.
        path: PathBuf,
        /// Why, in the system's words.
        why: io::Error,
    },
    /// The database refused.
    #[error("the database could not be copied: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Files of a directory beside the database and the objects.
const SECRETS: [&str; 3] = ["signing-key.pem", "credentials", "identity"];
/// The first file of the archive: what wrote it.
const MANIFEST: &str = "backup.json";

/// Writes a tar file for its owner alone (0600): what wrote it, a consistent snapshot of the database, the secrets, then the
/// objects, without those of rejected uploads. An object is there before the row that names it, so what the snapshot names is
/// found later on; what people deleted meanwhile is left out. To restore it, unpack it into an empty directory: the first
/// `serve` on it draws new epochs.
pub fn write(directory: &DataDirectory, file: &Path, stop: &CancellationToken) -> Result<(), BackupError> {
    if fs::symlink_metadata(file).is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let failed = |why| BackupError::Write { path: file.to_owned(), why };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for folder in [directory.path(), folder] {
        remove_left_over(folder);
    }
    // 0600, and gone however this ends.
    let unfinished = UnfinishedFile::make_in(folder).map_err(failed)?;
    let mut archive = Archive::begin(unfinished.reopen().map_err(failed)?, file, directory.path(), stop);
    let snapshot = snapshot::take(directory, stop)?;
    let manifest = json!({
        "labelcast": env!("CARGO_PKG_VERSION"),
        "schema": snapshot.schema(),
        "written_at": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    archive.add_text(Path::new(MANIFEST), &format!("{manifest:#}\n"))?;
    archive.add_as(&snapshot.database(), Path::new(database::FILE_NAME))?;
    for name in SECRETS {
        archive.add(&directory.path().join(name))?;
    }
    archive.add_received(&snapshot.received())?;
    archive.add_objects(&directory.objects())?;
    archive.finish()?;
    unfinished.persist(file).map_err(|refused| match refused.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => failed(refused),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests;
