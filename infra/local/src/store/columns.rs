//! Conversions between values of the model and columns.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use labelcast_functions::model::ImageId;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The text of a column as what it was written from.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| unreadable(column, format!("unexpected value `{text}`")))
}

/// The same, where there may be none.
pub(super) fn optional_parsed<T: FromStr>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parsed(row, column).map(Some),
    }
}

/// The JSON of a column as what it was written from.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

/// Serialises what [`json`] reads.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the model is plain data, which JSON can hold")
}

/// A time, from milliseconds since 1970.
pub(super) fn moment(row: &Row<'_>, column: usize) -> Result<DateTime<Utc>> {
    let milliseconds = row.get(column)?;
    DateTime::from_timestamp_millis(milliseconds).ok_or(Error::IntegralValueOutOfRange(column, milliseconds))
}

/// An image's id, from its digest.
pub(super) fn image_id(row: &Row<'_>, column: usize) -> Result<ImageId> {
    row.get(column).map(ImageId::from_digest)
}

/// An image's id, where there may be none.
pub(super) fn optional_image_id(row: &Row<'_>, column: usize) -> Result<Option<ImageId>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(ImageId::from_digest))
}

/// A bound on rows; what is larger than SQLite counts is no bound.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// What stands in a column cannot have been written by us.
pub(super) fn unreadable(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, Box::new(FromSqlError::Other(why.into())))
}
