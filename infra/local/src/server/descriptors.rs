//! Files that the system lets this process have open, counted as they are used: a connection is one, with TLS too, and a
//! picture that is written or read for it is another.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Kept for what no client has open: the database, jobs, requests of our own, refusals.
const OTHERS: u64 = 256;

/// What may be open for clients.
pub(super) struct Descriptors {
    files: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Descriptors {
    /// Asks the system for as many files as it allows (many give a process 1,024 unless it asks), and tells whoever operates
    /// the server if they are too few.
    pub(super) fn new(max_connections: usize) -> Self {
        let files = for_clients(raised(max_connections));
        if files < max_connections {
            tracing::warn!(
                files,
                max_connections,
                "the limit on open files is low, so fewer connections are accepted than --max-connections allows; raise the \
                 hard limit (ulimit -Hn)"
            );
        }
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { files: semaphore(files), connections: semaphore(max_connections) }
    }

    /// How many connections may be open.
    pub(super) fn max_connections(&self) -> usize {
        self.connections.available_permits().min(self.files.available_permits())
    }

    /// A place for a connection, if there is one.
    pub(super) fn connection(&self) -> Option<ConnectionPermit> {
        let connection = self.connections.clone().try_acquire_owned().ok()?;
        let file = self.files.clone().try_acquire_owned().ok()?;
        Some(ConnectionPermit { _held: Arc::new((connection, file)), files: self.files.clone() })
    }
}

/// A place among the connections that may be open. It is among the extensions of every request, so that whoever takes the
/// stream over can keep the place as long as the stream.
#[derive(Clone)]
pub struct ConnectionPermit {
    _held: Arc<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    files: Arc<Semaphore>,
}

/// One more open file, on behalf of a connection.
pub struct FilePermit {
    _held: OwnedSemaphorePermit,
}

impl ConnectionPermit {
    /// `None` if as many files are open as may be.
    pub fn open_file(&self) -> Option<FilePermit> {
        self.files.clone().try_acquire_owned().ok().map(|held| FilePermit { _held: held })
    }
}

fn raised(max_connections: usize) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = maximum.unwrap_or(u64::MAX);
    match current {
        Some(current) if current < allowed => {
            // Systems may refuse "as many as you like"; then as many as are needed.
            let needed = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS);
            let raise = |to| setrlimit(Resource::Nofile, Rlimit { current: Some(to), maximum }).map(|()| to);
            raise(allowed).or_else(|_| raise(allowed.min(needed))).unwrap_or(current)
        }
        _ => allowed,
    }
}

/// A half at least, where files are so few that the others would take them all.
fn for_clients(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHERS).max(files / 2).max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_connections_leave_file_descriptors_for_the_rest() {
        assert_eq!(for_clients(20_000), 20_000 - 256);
        assert_eq!(for_clients(300), 150);
        assert_eq!(for_clients(0), 1);
    }

    #[test]
    fn a_connection_serving_a_picture_uses_two_file_descriptors() {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let descriptors = Descriptors { files: semaphore(3), connections: semaphore(3) };
        let first = descriptors.connection().unwrap();
        let picture = first.open_file().unwrap();
        let second = descriptors.connection().unwrap();
        assert!(descriptors.connection().is_none() && second.open_file().is_none());
        drop(picture);
        assert!(second.open_file().is_some());
        drop(first);
        assert!(descriptors.connection().is_some());
    }
}
