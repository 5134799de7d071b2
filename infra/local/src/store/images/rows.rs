//! Reads images.

use labelcast_functions::model::{AttachedUpload, Image, ImageId, Position, Status, StoredResult};
use labelcast_functions::ports::QueuePage;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::columns::{image_id, json, limit, moment, parsed};

/// The columns that [`read`] reads, of `images` and a `results` that may be missing.
const COLUMNS: &str =
    "images.key, images.id, content_type, size, width, height, uploaded_at, number, status, version, analysis";

/// What SQLite numbers results with, as a place.
pub(super) fn position(number: i64) -> Position {
    Position(u128::from(number.unsigned_abs()))
}

/// The way back; what is beyond SQLite's numbers is beyond every result.
pub(super) fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

pub(super) fn by_id(connection: &Connection, id: &ImageId) -> rusqlite::Result<Option<Image>> {
    one(connection, "LEFT JOIN results ON image = images.key WHERE images.id = ?", params![id.digest().as_slice()])
}

pub(super) fn by_number(connection: &Connection, number: i64) -> rusqlite::Result<Option<Image>> {
    one(connection, "JOIN results ON image = images.key WHERE number = ?", params![number])
}

fn one(connection: &Connection, rest: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Option<Image>> {
    let sql = format!("SELECT {COLUMNS} FROM images {rest}");
    let found = connection.prepare_cached(&sql)?.query_row(values, read).optional()?;
    let Some((key, mut image)) = found else { return Ok(None) };
    image.uploads = uploads(connection, key)?;
    Ok(Some(image))
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Image)> {
    let result = match row.get::<_, Option<i64>>(7)? {
        None => None,
        Some(number) => Some(StoredResult {
            analysis: json(row, 10)?,
            status: parsed(row, 8)?,
            version: row.get(9)?,
            position: position(number),
        }),
    };
    let image = Image {
        id: image_id(row, 1)?,
        content_type: parsed(row, 2)?,
        size: row.get(3)?,
        width: row.get(4)?,
        height: row.get(5)?,
        uploaded_at: moment(row, 6)?,
        uploads: Vec::new(),
        result,
    };
    Ok((row.get(0)?, image))
}

fn uploads(connection: &Connection, key: i64) -> rusqlite::Result<Vec<AttachedUpload>> {
    connection
        .prepare_cached("SELECT upload, user FROM attached WHERE image = ? ORDER BY place")?
        .query_map([key], |row| Ok(AttachedUpload { upload_id: parsed(row, 0)?, user: parsed(row, 1)? }))?
        .collect()
}

/// A page of the images of a status, oldest first.
pub(super) fn with_status(
    connection: &Connection,
    status: Status,
    after: Option<Position>,
    at_most: usize,
) -> rusqlite::Result<QueuePage> {
    let after = after.map_or(0, number);
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM results WHERE status = ? AND number > ? ORDER BY number LIMIT ?")?
        .query_map(params![status.as_str(), after, limit(at_most.saturating_add(1))], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let more = numbers.len() > at_most;
    let shown = &numbers[..numbers.len().min(at_most)];
    let images = shown.iter().filter_map(|number| by_number(connection, *number).transpose());
    let images = images.collect::<rusqlite::Result<_>>()?;
    Ok(QueuePage { images, next: shown.last().filter(|_| more).map(|last| position(*last)) })
}
