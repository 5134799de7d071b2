use labelcast_functions::ports::LabelCount;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::index::Known;
use crate::store::columns::{limit, parsed};

/// Up to here all labels with a prefix are sorted by their counts. More are found faster by walking the labels in the
/// order of their counts: one in a few has that prefix then.
const SORTED: usize = 2_000;

/// The most frequent labels with a prefix, for autocompletion.
pub(super) fn labels(
    connection: &Connection,
    prefix: &str,
    sees_hidden: bool,
    at_most: usize,
) -> rusqlite::Result<Vec<LabelCount>> {
    let sql = match (count_up_to(connection, prefix, SORTED)? < SORTED, sees_hidden) {
        (true, false) => {
            "SELECT name, visible FROM terms WHERE kind = 'label' AND name >= ?1 AND name < ?2 AND visible > 0
             ORDER BY +visible DESC, name LIMIT ?3"
        }
        (true, true) => {
            "SELECT name, total FROM terms WHERE kind = 'label' AND name >= ?1 AND name < ?2
             ORDER BY +total DESC, name LIMIT ?3"
        }
        (false, false) => {
            "SELECT name, visible FROM terms INDEXED BY terms_by_visible
             WHERE kind = 'label' AND name >= ?1 AND name < ?2 AND visible > 0 ORDER BY visible DESC, name LIMIT ?3"
        }
        (false, true) => {
            "SELECT name, total FROM terms INDEXED BY terms_by_total
             WHERE kind = 'label' AND name >= ?1 AND name < ?2 ORDER BY total DESC, name LIMIT ?3"
        }
    };
    connection
        .prepare_cached(sql)?
        .query_map(params![prefix, end_of(prefix), limit(at_most)], |row| {
            Ok(LabelCount { name: parsed(row, 0)?, count: row.get(1)? })
        })?
        .collect()
}

/// The labels with a prefix that the audience's images have; `None` if there are more than this.
pub(super) fn with_prefix(
    connection: &Connection,
    prefix: &str,
    sees_hidden: bool,
    at_most: usize,
) -> rusqlite::Result<Option<Vec<Known>>> {
    if count_up_to(connection, prefix, at_most + 1)? > at_most {
        return Ok(None);
    }
    connection
        .prepare_cached(
            "SELECT id, iif(?3, total, visible) AS count FROM terms
             WHERE kind = 'label' AND name >= ?1 AND name < ?2 AND count > 0",
        )?
        .query_map(params![prefix, end_of(prefix), sees_hidden], |row| {
            Ok(Known { id: row.get(0)?, count: row.get(1)? })
        })?
        .collect::<rusqlite::Result<_>>()
        .map(Some)
}

fn count_up_to(connection: &Connection, prefix: &str, enough: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM
             (SELECT 1 FROM terms WHERE kind = 'label' AND name >= ?1 AND name < ?2 LIMIT ?3)",
        )?
        .query_row(params![prefix, end_of(prefix), limit(enough)], |row| row.get(0))
}

/// The first text after all that begin with the prefix. Where there is none, something that SQLite sorts after every
/// text.
fn end_of(prefix: &str) -> Value {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            rest.push(next);
            return Value::Text(rest);
        }
    }
    Value::Blob(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn the_upper_bound_of_a_prefix_is_the_next_text_of_its_length() {
        assert_eq!(end_of("sun"), text("suo"));
        assert_eq!(end_of("a\u{d7ff}"), text("a\u{e000}"), "surrogates are no characters");
        assert_eq!(end_of("a\u{10ffff}"), text("b"));
        assert_eq!(end_of("\u{10ffff}"), Value::Blob(Vec::new()));
        assert_eq!(end_of(""), Value::Blob(Vec::new()));
    }
}
