//! Reading connections, in pools that do not take from each other: four slow searches keep four places of their own, and
//! whoever signs in, uploads or is notified meanwhile does not notice.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use labelcast_functions::ports::{PortError, PortResult};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{connect, port_error};

/// What a look-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// Small look-ups that a person or program waits for: a user, a key, an upload, one image.
    Requests,
    /// The jobs: notifications, ingest, index.
    Jobs,
    /// Searches and listings, which may have to look at much.
    Searches,
    /// Pages of history, up to a thousand notifications each.
    History,
}

/// One reader set a [`Pool`].
pub(super) struct Pools {
    requests: Arc<Readers>,
    jobs: Arc<Readers>,
    searches: Arc<Readers>,
    history: Arc<Readers>,
}

impl Pools {
    /// Nothing is opened yet: each pool opens connections as it needs them.
    pub(super) fn new(path: &Path) -> Self {
        let readers = |places| Arc::new(Readers::new(path, places));
        Self { requests: readers(4), jobs: readers(4), searches: readers(4), history: readers(2) }
    }

    pub(super) fn get(&self, pool: Pool) -> &Arc<Readers> {
        match pool {
            Pool::Requests => &self.requests,
            Pool::Jobs => &self.jobs,
            Pool::Searches => &self.searches,
            Pool::History => &self.history,
        }
    }
}

/// The connections of one pool.
pub(super) struct Readers {
    path: PathBuf,
    /// As many look-ups run at once; further ones wait their turn, in order, without keeping a thread.
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn new(path: &Path, places: usize) -> Self {
        Self { path: path.to_owned(), places: Arc::new(Semaphore::new(places)), idle: Mutex::default() }
    }

    pub(super) async fn run<T, F>(self: &Arc<Self>, look_up: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let failed = |why: String| PortError::Failed { what: "the database", why };
        let place = self.places.clone().acquire_owned().await.map_err(|error| failed(error.to_string()))?;
        let readers = self.clone();
        let looked_up = tokio::task::spawn_blocking(move || {
            // The caller may go away; the place is kept for as long as the look-up runs, or there would be more of them.
            let _place = place;
            readers.look_up(look_up).map_err(|error| port_error(&error))
        });
        looked_up.await.map_err(|error| failed(error.to_string()))?
    }

    fn look_up<T>(&self, look_up: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = idle.map_or_else(|| open(&self.path), Ok)?;
        // One transaction, so that all statements of a look-up see the same moment.
        let attempt = connection.transaction().and_then(|snapshot| {
            let found = look_up(&snapshot)?;
            snapshot.finish()?;
            Ok(found)
        });
        // A look-up that panics takes its connection with it; the next one opens another.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        attempt
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
