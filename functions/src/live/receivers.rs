//! Finds a notification's receivers: one message per connection, however many of its subscriptions match.
//! See `docs/guarantees.md#one-message-per-connection`.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::render::may_be_seen;
use super::replay::matches;
use crate::limits::TOKEN_GRACE;
use crate::model::{ConnectionId, Image, Notification, TopicKey};
use crate::ports::{Connections, PortResult, Subscription, TopicPosition, Which};
use crate::query::Bucket;

/// The topics on which a receiver gets a notification, as bits by index: a notification has few topics.
pub(super) type TopicSet = u32;

/// Receivers, grouped by the topics that their frame names.
pub(super) type Groups = HashMap<TopicSet, Vec<ConnectionId>>;

/// Finds the receivers of a notification on these topics, among the connections of these shards.
pub(super) async fn find(
    notification: &Notification,
    positions: &[TopicPosition],
    image: Option<&Image>,
    connections: &dyn Connections,
    shards: Range<u32>,
    now: DateTime<Utc>,
) -> PortResult<Groups> {
    let buckets =
        image.and_then(|image| image.result.as_ref()).map(|stored| Bucket::requested_by(&stored.analysis.labels));
    // Where filters do not hold back, everyone is fetched (`docs/guarantees.md#offensive-pictures`).
    let which = buckets.as_ref().map_or(Which::All, Which::InBuckets);
    // The grace is over for those whose token ended before this.
    let ended = now - TOKEN_GRACE;
    let receives = |subscription: &Subscription| {
        subscription.caller.expires_at >= ended
            && match (&subscription.filter, image) {
                (Some(filter), Some(image)) => matches(filter, image, &subscription.caller),
                _ => true,
            }
    };
    let mut groups = Groups::new();
    let mut on_several: HashMap<ConnectionId, TopicSet> = HashMap::new();
    // The first topic is everybody's, the others are few people's. So the others are gathered first, and everybody is
    // gone through once, without being gathered.
    for (index, place) in positions.iter().enumerate().skip(1) {
        if may_be_seen(notification, &place.topic, image) {
            let mut gather = |subscription: &Subscription| {
                if receives(subscription) {
                    *on_several.entry(subscription.connection.clone()).or_default() |= 1 << index;
                }
            };
            let which = of_few(&place.topic, which);
            connections.visit_shards(&place.topic, place.seq, which, shards.clone(), &mut gather).await?;
        }
    }
    if let Some(first) = positions.first().filter(|first| may_be_seen(notification, &first.topic, image)) {
        let mut only_here = Vec::new();
        let mut gather = |subscription: &Subscription| {
            if !receives(subscription) {
                return;
            }
            let elsewhere = if on_several.is_empty() { None } else { on_several.remove(&subscription.connection) };
            match elsewhere {
                None => only_here.push(subscription.connection.clone()),
                Some(others) => groups.entry(others | 1).or_default().push(subscription.connection.clone()),
            }
        };
        let which = of_few(&first.topic, which);
        connections.visit_shards(&first.topic, first.seq, which, shards, &mut gather).await?;
        if !only_here.is_empty() {
            groups.entry(1).or_default().append(&mut only_here);
        }
    }
    for (connection, topics) in on_several {
        groups.entry(topics).or_default().push(connection);
    }
    Ok(groups)
}

/// A user's own sockets are a page at most: asking for all of them costs less than asking for each bucket.
const fn of_few<'a>(topic: &TopicKey, which: Which<'a>) -> Which<'a> {
    match topic {
        TopicKey::Uploads(_) => Which::All,
        TopicKey::Shared(_) => which,
    }
}
