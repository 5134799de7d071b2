use labelcast_functions::model::{AttachedUpload, Image, ImageId, Position, StoredResult};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::store::columns::{image_id, json, moment, optional_parsed, parsed};

/// A row's key in this database, and the image.
pub(super) type Keyed = (i64, Image);

macro_rules! columns {
    () => {
        "SELECT key, id, content_type, size, width, height, uploaded_at, number, status, version, analysis, generation "
    };
}

pub(super) fn by_id(connection: &Connection, id: &ImageId) -> rusqlite::Result<Option<Keyed>> {
    let sql = concat!(columns!(), "FROM images LEFT JOIN results ON image = key WHERE id = ?1");
    one(connection, sql, [id.digest()])
}

pub(super) fn by_number(connection: &Connection, number: i64) -> rusqlite::Result<Option<Image>> {
    let sql = concat!(columns!(), "FROM results JOIN images ON key = image WHERE number = ?1");
    one(connection, sql, [number]).map(without_key)
}

pub(super) fn several(connection: &Connection, ids: &[ImageId]) -> rusqlite::Result<Vec<Image>> {
    ids.iter().filter_map(|id| by_id(connection, id).map(without_key).transpose()).collect()
}

pub(super) fn without_key(found: Option<Keyed>) -> Option<Image> {
    found.map(|(_, image)| image)
}

fn one(connection: &Connection, sql: &'static str, params: impl Params) -> rusqlite::Result<Option<Keyed>> {
    let found = connection.prepare_cached(sql)?.query_row(params, keyed).optional()?;
    found.map(|(key, image)| Ok((key, Image { uploads: uploads(connection, key)?, ..image }))).transpose()
}

/// Reads an image's row, without its uploads.
fn keyed(row: &Row<'_>) -> rusqlite::Result<Keyed> {
    let image = Image {
        id: image_id(row, 1)?,
        content_type: parsed(row, 2)?,
        size: row.get(3)?,
        width: row.get(4)?,
        height: row.get(5)?,
        uploaded_at: moment(row, 6)?,
        generation: optional_parsed(row, 11)?,
        uploads: Vec::new(),
        result: result(row)?,
    };
    Ok((row.get(0)?, image))
}

fn result(row: &Row<'_>) -> rusqlite::Result<Option<StoredResult>> {
    let Some(number) = row.get::<_, Option<i64>>(7)? else { return Ok(None) };
    Ok(Some(StoredResult {
        status: parsed(row, 8)?,
        version: row.get(9)?,
        analysis: json(row, 10)?,
        position: position(number),
    }))
}

fn uploads(connection: &Connection, key: i64) -> rusqlite::Result<Vec<AttachedUpload>> {
    connection
        .prepare_cached("SELECT upload, user FROM attached WHERE image = ?1 ORDER BY place")?
        .query_map([key], |row| Ok(AttachedUpload { upload_id: parsed(row, 0)?, user: parsed(row, 1)? }))?
        .collect()
}

/// The place of an image's number; numbers begin at 1.
pub(super) fn position(number: i64) -> Position {
    Position(u128::from(number.unsigned_abs()))
}

/// The number of a place. A place beyond all numbers is the last of them.
pub(super) fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
