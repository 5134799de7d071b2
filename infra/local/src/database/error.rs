use std::path::PathBuf;

use labelcast_functions::ports::PortError;
use rusqlite::ErrorCode;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer Labelcast.
    #[error(
        "the database has schema version {found}, but this Labelcast supports up to {known}: use the newer Labelcast that wrote it"
    )]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// No Labelcast ever wrote such a version.
    #[error(
        "{path} is no Labelcast database: its schema version is {found}; restore a backup, or name another directory \
         with --data",
        path = path.display()
    )]
    Foreign {
        /// The file that it is about.
        path: PathBuf,
        /// The version in the file.
        found: i64,
    },
    /// The file system refused.
    #[error("cannot open the database {path}: {why}", path = path.display())]
    File {
        /// The file that it is about.
        path: PathBuf,
        /// Why, in the system's words.
        why: std::io::Error,
    },
    /// The file cannot be used.
    #[error("cannot open the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// What a failure of SQLite means for the caller.
pub fn port_error(error: &rusqlite::Error) -> PortError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => PortError::Full { what: "it in the database" },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            PortError::Unavailable { what: "the database", why: error.to_string() }
        }
        _ => PortError::Failed { what: "the database", why: error.to_string() },
    }
}
