//! What pages of lists share.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};

/// Reads a `limit`: a number within the range; `default` if none is given.
pub(super) fn limit(asked: Option<&str>, default: usize, range: RangeInclusive<usize>) -> Result<usize> {
    let Some(text) = asked else { return Ok(default) };
    match text.parse() {
        Ok(limit) if range.contains(&limit) => Ok(limit),
        _ => Err(Error::bad_request(format!("`limit` must be a number from {} to {}", range.start(), range.end()))),
    }
}
