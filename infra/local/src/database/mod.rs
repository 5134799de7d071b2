//! The embedded database: one writer that commits in groups, readers in pools, a schema with versions.

mod error;
mod log_file;
mod readers;
mod schema;
mod writer;

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use labelcast_functions::ports::PortResult;
use rusqlite::{Connection, Transaction};

pub use error::{OpenError, port_error};
pub use schema::VERSION;

use crate::permissions::close_file;

/// The file within a data directory.
pub const FILE_NAME: &str = "labelcast.db";

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    path: Arc<PathBuf>,
    writer: writer::Writer,
    readers: Arc<readers::Pools>,
    /// Where [`Database::read`] looks up.
    pool: readers::Pool,
}

impl Database {
    /// Opens the database of a data directory; makes it, or migrates an older one. Refuses a newer one.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        close(&path)?;
        let mut connection = connect(&path)?;
        schema::migrate(&mut connection)?;
        let readers = Arc::new(readers::Pools::new(&path));
        let writer = writer::Writer::start(connection, &path);
        Ok(Self { path: Arc::new(path), writer, readers, pool: readers::Pool::Requests })
    }

    /// The same database for jobs: their look-ups have connections of their own, so that neither waits for the other.
    #[must_use]
    pub fn for_jobs(&self) -> Self {
        Self { pool: readers::Pool::Jobs, ..self.clone() }
    }

    /// Runs a change. Changes run one after the other; those that wait are committed together, with one fsync, and each
    /// still is all or nothing. Durable on return. A change must not keep the writer: no waiting inside.
    pub async fn write<T, F>(&self, change: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.run(writer::Urgency::Now, change, |done| done).await
    }

    /// [`Database::write`], and then something short that has to happen in the order of the changes: it runs on the writer's
    /// thread once the change is durable, whether or not somebody still waits for the result.
    pub async fn write_then<T, U, F, G>(&self, change: F, then: G) -> PortResult<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        self.writer.run(writer::Urgency::Now, change, then).await
    }

    /// Runs a change that is made again from rows that are durable already, should it be lost. It survives the end of the
    /// process; a loss of power may undo it, but only together with every change after it, until a [`Database::write`] after
    /// it was acknowledged. So it costs no fsync. `then` is as in [`Database::write_then`], but runs once the change can be
    /// read.
    pub async fn write_repeatable_then<T, U, F, G>(&self, change: F, then: G) -> PortResult<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        self.writer.run(writer::Urgency::Repeatable, change, then).await
    }

    /// [`Database::write_repeatable_then`], for what nobody is kept waiting by: it goes along with the next commit, and costs one
    /// of its own only if none comes within 50 ms.
    pub async fn write_along<T, F>(&self, change: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.run(writer::Urgency::Along, change, |done| done).await
    }

    /// Runs a small look-up on a snapshot that includes every change acknowledged before.
    pub async fn read<T, F>(&self, look_up: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.get(self.pool).run(look_up).await
    }

    /// [`Database::read`] for what may take long, such as a search: it never keeps small look-ups waiting.
    pub async fn search<T, F>(&self, look_up: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.get(readers::Pool::Searches).run(look_up).await
    }

    /// [`Database::read`] for pages of history: neither searches nor small look-ups wait for replays.
    pub async fn read_history<T, F>(&self, look_up: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.get(readers::Pool::History).run(look_up).await
    }

    /// Commits what goes along, copies the write-ahead log into the database file and empties it. For a clean end; what is
    /// called afterwards still works.
    pub async fn checkpoint(&self) -> PortResult<()> {
        self.writer.checkpoint().await
    }

    /// Where the database's file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the file for its owner alone (0600), and closes one that others can read. SQLite gives its log the same mode.
fn close(path: &Path) -> Result<(), OpenError> {
    let failed = |why| OpenError::File { path: path.to_owned(), why };
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    close_file(&file.map_err(failed)?).map_err(failed)?;
    for log in ["-wal", "-shm"] {
        let mut log_path = path.as_os_str().to_owned();
        log_path.push(log);
        match File::open(&log_path) {
            Ok(file) => close_file(&file).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// A connection with the settings that all of them share.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// How long a statement waits for another process that holds the database, for instance `labelcast users`.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
