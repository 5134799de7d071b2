use std::collections::HashSet;

use labelcast_functions::model::JobRequest;
use labelcast_functions::ports::{ObjectKey, PortResult};

use super::{Target, payload};
use crate::database::Database;

/// The keys of all uploaded objects with a job, whether waiting, running or dead-lettered.
pub async fn keys_with_job(database: &Database) -> PortResult<HashSet<String>> {
    database
        .read(|connection| {
            let mut select = connection.prepare("SELECT payload FROM work WHERE target = ?1")?;
            let payloads = select.query_map([Target::Ingest.name()], |row| row.get::<_, String>(0))?;
            let mut keys = HashSet::new();
            for payload in payloads {
                // One that cannot be read is about an object that nobody knows; a job too many for it is harmless.
                if let Ok(JobRequest::Ingest(object)) = payload::read(&payload?) {
                    keys.insert(ObjectKey::new_upload(&object.upload_id).to_string());
                }
            }
            Ok(keys)
        })
        .await
}
