use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use labelcast_functions::model::TopicKey;
use labelcast_functions::ports::PortResult;
use rusqlite::params;

use crate::database::Database;

/// Topics that somebody has read since it was last written down. Reading writes nothing, and a use that is lost with the
/// process is made up for when its reader comes back.
#[derive(Clone, Default)]
pub(super) struct UsedTopics(Arc<Mutex<HashMap<String, DateTime<Utc>>>>);

impl UsedTopics {
    fn topics(&self) -> MutexGuard<'_, HashMap<String, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a reader; returns the topic as it stands in the database.
    pub(super) fn note(&self, topic: &TopicKey, now: DateTime<Utc>) -> String {
        let name = topic.to_string();
        self.topics().insert(name.clone(), now);
        name
    }

    /// Writes down what was read.
    pub(super) async fn write(&self, database: &Database) -> PortResult<()> {
        let read = std::mem::take(&mut *self.topics());
        if read.is_empty() {
            return Ok(());
        }
        let names = read.clone();
        let written = database
            .write(move |group| {
                let mut update = group.prepare_cached("UPDATE topics SET used_at = max(used_at, ?2) WHERE key = ?1")?;
                names.iter().try_for_each(|(name, at)| update.execute(params![name, at.timestamp_millis()]).map(drop))
            })
            .await;
        if written.is_err() {
            self.topics().extend(read);
        }
        written
    }
}
