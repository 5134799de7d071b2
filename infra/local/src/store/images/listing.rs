use labelcast_functions::model::{Image, Position, Status};
use labelcast_functions::ports::QueuePage;
use rusqlite::{Connection, params};

use super::rows;
use crate::store::columns::limit;

pub(super) fn with_status(
    connection: &Connection,
    status: Status,
    after: Option<Position>,
    at_most: usize,
) -> rusqlite::Result<QueuePage> {
    let at_most = at_most.max(1);
    // One more than requested shows whether there is more.
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM results WHERE status = ?1 AND number > ?2 ORDER BY number LIMIT ?3")?
        .query_map(params![status.as_str(), after.map_or(0, rows::number), limit(at_most.saturating_add(1))], |row| {
            row.get(0)
        })?
        .collect::<rusqlite::Result<_>>()?;
    let shown = &numbers[..numbers.len().min(at_most)];
    let images = shown.iter().filter_map(|number| rows::by_number(connection, *number).transpose());
    let images: Vec<Image> = images.collect::<rusqlite::Result<_>>()?;
    let next = shown.last().filter(|_| numbers.len() > at_most).map(|number| rows::position(*number));
    Ok(QueuePage { images, next })
}
