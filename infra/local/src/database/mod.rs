//! The embedded database: one writer that commits in groups, several readers, a schema with versions.

mod error;
mod readers;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use labelcast_functions::ports::{PortError, PortResult};
use rusqlite::{Connection, Transaction};

pub use error::{OpenError, port_error};
pub use schema::VERSION;

/// The file within a data directory.
pub const FILE_NAME: &str = "labelcast.db";

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    path: Arc<PathBuf>,
    writer: writer::Writer,
    readers: Arc<readers::Readers>,
}

impl Database {
    /// Opens the database of a data directory; makes it, or migrates an older one. Refuses a newer one (rule 24).
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        let mut connection = connect(&path)?;
        schema::migrate(&mut connection)?;
        let readers = readers::Readers::open(&path)?;
        let writer = writer::Writer::start(connection);
        Ok(Self { path: Arc::new(path), writer, readers: Arc::new(readers) })
    }

    /// Runs a change. Changes run one after the other; those that wait are committed together, with one fsync, and each
    /// still is all or nothing (rule 22). Durable when answered. A change must not keep the writer: no waiting inside.
    pub async fn write<T, F>(&self, change: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.run(change).await
    }

    /// Runs a look-up on a snapshot that holds every change that was answered before.
    pub async fn read<T, F>(&self, look_up: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || readers.run(look_up))
            .await
            .map_err(|error| PortError::Failed { what: "the database", why: error.to_string() })?
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A connection with the settings that all of them share.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk before it is answered (rule 22).
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}
