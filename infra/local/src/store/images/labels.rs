//! Labels by their beginning.

use labelcast_functions::ports::LabelCount;
use rusqlite::{Connection, Row, params};

use super::super::columns::{limit, parsed};
use super::Looking;

pub(super) fn labels(
    connection: &Connection,
    prefix: &str,
    looking: &Looking,
    at_most: usize,
) -> rusqlite::Result<Vec<LabelCount>> {
    let count = if looking.moderator { "total" } else { "visible" };
    let read = |row: &Row<'_>| Ok(LabelCount { name: parsed(row, 0)?, count: row.get(1)? });
    if prefix.is_empty() {
        let sql = format!(
            "SELECT name, {count} FROM terms WHERE kind = 'label' AND {count} > 0 ORDER BY {count} DESC, name LIMIT ?"
        );
        return connection.prepare_cached(&sql)?.query_map([limit(at_most)], read)?.collect();
    }
    let sql = format!(
        "SELECT name, {count} FROM terms WHERE kind = 'label' AND name >= ? AND name < ? AND {count} > 0
         ORDER BY {count} DESC, name LIMIT ?"
    );
    connection.prepare_cached(&sql)?.query_map(params![prefix, after_prefix(prefix), limit(at_most)], read)?.collect()
}

/// Behind every text that begins so: SQLite compares bytes, and no UTF-8 has the last character's successor in between.
pub(super) fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
