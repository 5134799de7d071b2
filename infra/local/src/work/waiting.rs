use std::collections::HashSet;

use labelcast_functions::ports::PortResult;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Target;
use crate::database::Database;

/// The keys of all created objects that a job is about: one that waits, runs, or is a dead letter.
pub async fn keys_with_job(database: &Database) -> PortResult<HashSet<String>> {
    database
        .read(|connection| {
            let mut select = connection.prepare("SELECT payload FROM work WHERE target = ?1")?;
            let payloads = select.query_map([Target::Ingest.name()], |row| row.get::<_, String>(0))?;
            let mut keys = HashSet::new();
            for payload in payloads {
                keys.extend(keys_of(&payload?));
            }
            Ok(keys)
        })
        .await
}

/// The keys in an event of created objects; they are form-encoded there.
fn keys_of(payload: &str) -> Vec<String> {
    let event: Value = serde_json::from_str(payload).unwrap_or_default();
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = records.iter().filter_map(|record| record["s3"]["object"]["key"].as_str());
    keys.map(|key| percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()).collect()
}
