use labelcast_functions::ports::PortError;
use rusqlite::ErrorCode;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer Labelcast.
    #[error(
        "the database is of schema version {found}, this Labelcast knows up to {known}: use the newer Labelcast that wrote it"
    )]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The file cannot be used.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// What a failure of SQLite means for whoever asked.
pub fn port_error(error: &rusqlite::Error) -> PortError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => PortError::Full { what: "it in the database" },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            PortError::Unavailable { what: "the database", why: error.to_string() }
        }
        _ => PortError::Failed { what: "the database", why: error.to_string() },
    }
}
