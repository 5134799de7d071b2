//! The number of images that have a label.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use labelcast_functions::model::{Audience, Image, LabelName};
use labelcast_functions::ports::{LabelCount, PortResult};
use serde::{Deserialize, Serialize};

use crate::dynamodb::action::update;
use crate::dynamodb::shards::{SHARDS, shard_of, sharded};
use crate::dynamodb::{Order, Range, Table, number};

/// The list that the counts of all labels stand in, by name.
const LABELS: &str = "labels";
/// Rows of each partition that are read to find the most frequent labels. Where more begin with a prefix, the
/// alphabetically first are compared: a longer prefix finds the others.
const MAX: usize = 10_000;

/// A label nobody has any more stays, with zeros.
#[derive(Debug, Serialize, Deserialize)]
struct Count {
    sk: LabelName,
    every: i64,
    public: i64,
}

impl Count {
    fn of(&self, audience: Audience<'_>) -> i64 {
        if audience.is_moderator() { self.every } else { self.public }
    }
}

/// The actions that count an image's labels, by 1 if it comes and by -1 if it goes.
pub(super) fn counted(table: &Table, image: &Image, by: i64) -> PortResult<Vec<TransactWriteItem>> {
    let Some(result) = &image.result else { return Ok(Vec::new()) };
    let partition = sharded(LABELS, shard_of(image.id.digest()));
    let public = if image.is_public() { by } else { 0 };
    let names: BTreeSet<&LabelName> = result.analysis.labels.iter().map(|label| &label.name).collect();
    let count = |name: &LabelName| {
        let update = update(table, &partition, name.as_str())
            .update_expression("ADD #every :every, #public :public")
            .expression_attribute_names("#every", "every")
            .expression_attribute_names("#public", "public")
            .expression_attribute_values(":every", number(by))
            .expression_attribute_values(":public", number(public));
        let update = update.build().map_err(|error| table.broken(&error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    };
    names.into_iter().map(count).collect()
}

/// The label of these that the fewest images of the audience's have, with their number.
pub(super) async fn rarest<'a>(
    table: &Table,
    names: impl Iterator<Item = &'a LabelName>,
    audience: Audience<'_>,
) -> PortResult<Option<(u64, &'a LabelName)>> {
    let mut counts: BTreeMap<&LabelName, i64> = names.map(|name| (name, 0)).collect();
    let key = |name: &LabelName, shard| (sharded(LABELS, shard), name.to_string());
    let keys: Vec<_> = counts.keys().flat_map(|name| (0..SHARDS).map(|shard| key(name, shard))).collect();
    for count in table.get_many::<Count>(&keys).await? {
        if let Some(sum) = counts.get_mut(&count.sk) {
            *sum += count.of(audience);
        }
    }
    let counts = counts.into_iter().map(|(name, count)| (u64::try_from(count).unwrap_or(0), name));
    Ok(counts.min_by_key(|(count, _)| *count))
}

pub(super) async fn labels(
    table: &Table,
    prefix: &str,
    audience: Audience<'_>,
    limit: usize,
) -> PortResult<Vec<LabelCount>> {
    let range = if prefix.is_empty() { Range::All } else { Range::Begins(prefix) };
    let lists: Vec<Vec<Count>> = table.query_shards(LABELS, range, Order::Ascending, MAX).await?;
    // A partition that was not read to its end has counts missing for later names.
    let cut = lists.iter().filter(|list| list.len() >= MAX).filter_map(|list| list.last());
    let end = cut.map(|last| last.sk.clone()).min();
    let mut sums: BTreeMap<LabelName, i64> = BTreeMap::new();
    for count in lists.into_iter().flatten() {
        if end.as_ref().is_none_or(|end| count.sk <= *end) {
            *sums.entry(count.sk.clone()).or_default() += count.of(audience);
        }
    }
    let counts = sums.into_iter().filter_map(|(name, sum)| {
        let count = u64::try_from(sum).ok().filter(|count| *count > 0)?;
        Some(LabelCount { name, count })
    });
    let mut counts: Vec<LabelCount> = counts.collect();
    // They stand by name already, and keep that order among equals.
    counts.sort_by_key(|label| Reverse(label.count));
    counts.truncate(limit);
    Ok(counts)
}
