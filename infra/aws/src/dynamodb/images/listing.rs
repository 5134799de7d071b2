use std::collections::HashMap;

use labelcast_functions::model::{Image, ImageId, Position, Status};
use labelcast_functions::ports::{PortResult, QueuePage};

use super::posting::Posting;
use super::row;
use super::term::Term;
use crate::dynamodb::{Order, Range, Table};

pub(super) async fn with_status(
    table: &Table,
    status: Status,
    after: Option<Position>,
    limit: usize,
) -> PortResult<QueuePage> {
    let limit = limit.max(1);
    let first = Position(after.map_or(0, |after| after.0.saturating_add(1))).to_string();
    let last = Position::NEWEST.to_string();
    // One more than requested shows whether there is more.
    let list = Term::status(status).list();
    let range = Range::Between(&first, &last);
    let postings: Vec<Vec<Posting>> = table.query_shards(&list, range, Order::Ascending, limit + 1).await?;
    let mut postings: Vec<Posting> = postings.into_iter().flatten().collect();
    postings.sort_by(|older, newer| older.sk.cmp(&newer.sk));
    let more = postings.len() > limit;
    postings.truncate(limit);

    let images = read(table, &postings).await?.into_iter();
    let images = images.filter(|image| image.result.as_ref().is_some_and(|result| result.status == status)).collect();
    let next = postings.last().filter(|_| more).map(Posting::position);
    Ok(QueuePage { images, next })
}

/// The images that postings are about, in their order.
pub(super) async fn read(table: &Table, postings: &[Posting]) -> PortResult<Vec<Image>> {
    let ids: Vec<ImageId> = postings.iter().map(|posting| posting.image).collect();
    let images = row::read_many(table, &ids).await?;
    let mut images: HashMap<ImageId, Image> = images.into_iter().map(|image| (image.id, image)).collect();
    let image = |posting: &Posting| {
        // Another posting about the image may have been left behind elsewhere.
        let stands_here = images.get(&posting.image).is_some_and(|image| posting.is_of(image));
        if stands_here { images.remove(&posting.image) } else { None }
    };
    Ok(postings.iter().filter_map(image).collect())
}
