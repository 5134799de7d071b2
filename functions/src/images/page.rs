//! What pages of lists share.

use std::ops::RangeInclusive;

use super::cursor::PageCursors;
use crate::error::{Error, Result};
use crate::model::Position;
use crate::rest::whole_number;

/// Reads a `limit`: a number within the range; `default` if none is given.
pub(super) fn limit(request: Option<&str>, default: usize, range: RangeInclusive<usize>) -> Result<usize> {
    let Some(text) = request else { return Ok(default) };
    match whole_number(text).and_then(|limit| usize::try_from(limit).ok()) {
        Some(limit) if range.contains(&limit) => Ok(limit),
        _ => Err(Error::bad_request(format!("`limit` must be a number from {} to {}", range.start(), range.end()))),
    }
}

/// Reads a `cursor`; `None` where a listing begins: without one, or with an empty one.
pub(super) fn cursor(request: Option<&str>, cursors: &PageCursors) -> Result<Option<Position>> {
    match request.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => cursors.read(text).map(Some).map_err(|error| Error::bad_request(format!("`cursor`: {error}"))),
    }
}
