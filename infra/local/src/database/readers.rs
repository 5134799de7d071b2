//! Reading connections, lent one at a time.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use labelcast_functions::ports::PortResult;
use rusqlite::Connection;

use super::{connect, port_error};

/// As many look-ups run at once; further ones wait their turn.
const COUNT: usize = 4;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let idle = (0..COUNT)
            .map(|_| {
                let connection = connect(path)?;
                connection.pragma_update(None, "query_only", true)?;
                Ok(connection)
            })
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    pub(super) fn run<T>(&self, look_up: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> PortResult<T> {
        let mut lent = Lent { connection: Some(self.take()), readers: self };
        // Taken in `drop` only, so it is there.
        let connection = lent.connection.as_mut().expect("a lent connection is there until it is given back");
        // One transaction, so that all statements of a look-up see the same moment.
        let attempt = connection.transaction().and_then(|snapshot| {
            let found = look_up(&snapshot)?;
            snapshot.finish()?;
            Ok(found)
        });
        attempt.map_err(|error| port_error(&error))
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Gives the connection back even if a look-up panics, or readers would run out.
struct Lent<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            self.readers.returned.notify_one();
        }
    }
}
