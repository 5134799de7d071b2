//! The schema and its versions. A migration, once released, never changes; a new one is appended.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Each brings the schema from its index to the next version.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql")];

/// The newest version; kept in SQLite's `user_version`.
#[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
pub const VERSION: u32 = MIGRATIONS.len() as u32;

pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found, known: VERSION });
    }
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    if found < VERSION && found > 0 {
        tracing::info!(from = found, to = VERSION, "migrated the database");
    }
    Ok(())
}
