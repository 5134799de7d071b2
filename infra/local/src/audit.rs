//! Audit records of changes that are made in the database, by the command line beside a running server above all.
//!
//! A record is written in the same transaction as the change, so that neither is there without the other; the server writes
//! what it finds to its log, and only then forgets it. Without a server, the records wait for the next one.

use chrono::{DateTime, SecondsFormat, Utc};
use labelcast_functions::audit::Record;
use labelcast_functions::ports::PortResult;
use rusqlite::{Transaction, params};

use crate::database::Database;

/// Records written to the log at once.
const BATCH: u32 = 256;

/// Keeps a record for the log.
pub fn insert(group: &Transaction<'_>, record: &Record, at: DateTime<Utc>) -> rusqlite::Result<()> {
    let text = serde_json::to_string(record).expect("a record is plain data, which JSON can hold");
    let mut insert = group.prepare_cached("INSERT INTO audit (at, record) VALUES (?, ?)")?;
    insert.execute(params![at.timestamp_millis(), text]).map(drop)
}

/// Writes to the log what was kept, and forgets it; returns how many records. After a crash in between, some are written
/// twice and none is lost.
pub async fn write_to_log(database: &Database) -> PortResult<usize> {
    let mut written = 0;
    loop {
        let kept: Vec<(i64, i64, String)> = database
            .read(|connection| {
                let mut select = connection.prepare_cached("SELECT id, at, record FROM audit ORDER BY id LIMIT ?")?;
                select.query_map([BATCH], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
            })
            .await?;
        let Some((last, ..)) = kept.last() else { return Ok(written) };
        let last = *last;
        for (id, at, text) in &kept {
            let at = DateTime::from_timestamp_millis(*at).unwrap_or_default();
            match serde_json::from_str::<Record>(text) {
                Ok(record) => record.log_of(Some(&at.to_rfc3339_opts(SecondsFormat::Millis, true))),
                // Of a later version, say: better a line that nobody parses than none.
                Err(_) => {
                    tracing::info!(target: labelcast_functions::audit::TARGET, id, record = text.as_str(), "unknown");
                }
            }
        }
        written += kept.len();
        database.write(move |group| group.execute("DELETE FROM audit WHERE id <= ?", [last])).await?;
    }
}

#[cfg(test)]
mod tests {
    use labelcast_functions::audit::{Action, Outcome};

    use super::*;

    #[tokio::test]
    async fn an_audit_record_is_written_once_and_only_with_its_change() {
        let place = tempfile::tempdir().unwrap();
        let database = Database::open(place.path()).unwrap();
        let record = Record::new(Action::UserAdded, Outcome::Succeeded, "uid 0").what("ada").on_command_line();
        for _ in 0..=BATCH {
            let record = record.clone();
            database.write(move |group| insert(group, &record, Utc::now())).await.unwrap();
        }
        let undone: PortResult<()> = database
            .write(move |group| {
                insert(group, &record, Utc::now())?;
                Err(rusqlite::Error::InvalidQuery)
            })
            .await;
        assert!(undone.is_err());
        assert_eq!(write_to_log(&database).await.unwrap(), BATCH as usize + 1);
        assert_eq!(write_to_log(&database).await.unwrap(), 0);
    }
}
