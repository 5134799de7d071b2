use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::ports::{Expiry, PortResult};

use super::DynamoHistory;
use super::rows::{self, EntryRow, HEAD, HeadRow, ID, PlaceRow, SHARED_TOPICS, SWEEP, TopicRow, USERS_TOPICS};
use crate::dynamodb::{Order, Range, action, number, text, transaction};

/// Topics of a list looked at in one sweep; the next goes on where this one ended.
const MAX_CONCURRENT_TOPICS: usize = 500;
/// Entries of a list forgotten in one sweep, about: what a topic that is written to as fast as it can be gets in a minute.
const MAX_CONCURRENT_EXPIRIES: u64 = 30_000;
/// Entries of one topic read at a time.
const BATCH: usize = 500;
/// Rows deleted at a time.
const MAX_CONCURRENT_DELETES: usize = 32;

impl DynamoHistory {
    /// Sweeps the few topics that everybody writes to, and some of the many that are one user's.
    pub(super) async fn sweep(&self, expiry: Expiry) -> PortResult<u64> {
        let mut forgotten = 0;
        for list in [SHARED_TOPICS, USERS_TOPICS] {
            forgotten += self.sweep_list(list, expiry).await?;
        }
        Ok(forgotten)
    }

    /// Goes through a list of topics, in order of their keys, from where the last sweep ended.
    async fn sweep_list(&self, list: &str, expiry: Expiry) -> PortResult<u64> {
        let place: Option<PlaceRow> = self.table.get(SWEEP, list).await?;
        // Keys are printable ASCII without blanks, so a blank is before, and the last character beyond, all that follows.
        let begin = place.map_or(" ".to_owned(), |place| format!("{} ", place.after));
        let range = Range::Between(&begin, "\u{7f}");
        let topics: Vec<TopicRow> = self.table.query(list, range, Order::Ascending, MAX_CONCURRENT_TOPICS).await?;
        let keys: Vec<(String, String)> = topics.iter().map(|row| (rows::topic(&row.sk), HEAD.to_owned())).collect();
        let mut heads: Vec<HeadRow> = self.table.get_many(&keys).await?;
        // Heads from before uses were noted: from now on.
        let unknown: Vec<HeadRow> = heads.iter().filter(|head| head.used_at == 0).cloned().collect();
        stream::iter(unknown)
            .map(async |head| self.note_use(&head, self.clock.now()).await)
            .buffer_unordered(MAX_CONCURRENT_DELETES)
            .try_collect::<()>()
            .await?;
        heads.retain(|head| head.newest > expiry.keep || is_unused(head, expiry));
        let mut forgotten = 0;
        let mut reached = None;
        for topic in &topics {
            if forgotten >= MAX_CONCURRENT_EXPIRIES {
                break;
            }
            if let Some(head) = heads.iter().find(|head| head.pk == rows::topic(&topic.sk)) {
                let at_most = MAX_CONCURRENT_EXPIRIES - forgotten;
                forgotten += match is_unused(head, expiry) {
                    true => self.forget_topic(topic, head, expiry, at_most).await?,
                    false => self.forget(&topic.sk, head, expiry, at_most).await?,
                };
            }
            reached = Some(&topic.sk);
        }
        match reached {
            Some(after) if topics.len() == MAX_CONCURRENT_TOPICS || forgotten >= MAX_CONCURRENT_EXPIRIES => {
                let place = PlaceRow { pk: SWEEP.to_owned(), sk: list.to_owned(), after: after.clone() };
                self.table.put(&place).await?;
            }
            _ => self.table.delete(SWEEP, list).await?,
        }
        Ok(forgotten)
    }

    /// Forgets a topic that nobody uses: what is on it, and once there is nothing, the topic. If it comes back it has another
    /// epoch. Somebody may use it meanwhile: then it stays, without what is forgotten.
    async fn forget_topic(&self, topic: &TopicRow, head: &HeadRow, expiry: Expiry, at_most: u64) -> PortResult<u64> {
        let all = Expiry { before: expiry.unused, keep: 0, ..expiry };
        let forgotten = match head.newest {
            0 => 0,
            _ => self.forget(&topic.sk, head, all, at_most).await?,
        };
        let is_left = "oldest = :beyond AND newest = :newest AND epoch = :epoch AND used_at < :unused";
        let delete = action::delete(&self.table, &head.pk, HEAD)
            .condition_expression(is_left)
            .expression_attribute_values(":beyond", number(head.newest + 1))
            .expression_attribute_values(":newest", number(head.newest))
            .expression_attribute_values(":epoch", text(head.epoch.as_str()))
            .expression_attribute_values(":unused", number(expiry.unused.timestamp_millis()));
        let unlist = action::delete(&self.table, &topic.pk, &topic.sk);
        let actions = vec![transaction::delete(&self.table, delete)?, transaction::delete(&self.table, unlist)?];
        // Where it does not hold, something is left for the next sweep, or somebody has come.
        if self.is_cleared(head).await? && self.table.transact(actions).await?.is_ok() {
            tracing::info!(topic = topic.sk, "forgot a topic that nobody used");
        }
        Ok(forgotten)
    }

    /// Whether no entry has a row any more.
    async fn is_cleared(&self, head: &HeadRow) -> PortResult<bool> {
        let range = (rows::entry(0), rows::entry(head.newest));
        let found: Vec<EntryRow> =
            self.table.query(&head.pk, Range::Between(&range.0, &range.1), Order::Ascending, 1).await?;
        Ok(found.is_empty())
    }

    /// Forgets from the oldest number upwards. The head says so first, so that nobody who reads takes what is being deleted
    /// for what is kept; rows that a sweep before this one said to be forgotten, and did not come to delete, go too.
    async fn forget(&self, topic: &str, head: &HeadRow, expiry: Expiry, at_most: u64) -> PortResult<u64> {
        let last = head.newest - expiry.keep;
        let before = expiry.before.timestamp_millis();
        let mut oldest = head.oldest;
        loop {
            let range = (rows::entry(0), rows::entry(last));
            let range = Range::Between(&range.0, &range.1);
            let found: Vec<EntryRow> = self.table.query(&head.pk, range, Order::Ascending, BATCH).await?;
            // A clock that was set back can leave an older moment at a higher number: that one waits for those before it.
            let kept = found.iter().find(|row| row.seq >= oldest && row.at >= before).map(|row| row.seq);
            let next = kept.or(found.last().map(|row| row.seq + 1)).map_or(oldest, |next| next.max(oldest));
            if next > oldest && !self.advance(head, oldest, next).await? {
                // Another sweep does the same.
                return Ok(oldest - head.oldest);
            }
            oldest = next;
            let gone: Vec<EntryRow> = found.into_iter().filter(|row| row.seq < oldest).collect();
            let more = gone.len() == BATCH && oldest - head.oldest < at_most;
            stream::iter(gone)
                .map(async |row| self.delete_entry(topic, &row).await)
                .buffer_unordered(MAX_CONCURRENT_DELETES)
                .try_collect::<()>()
                .await?;
            if !more {
                return Ok(oldest - head.oldest);
            }
        }
    }

    /// False if it is somewhere else by now.
    async fn advance(&self, head: &HeadRow, from: u64, to: u64) -> PortResult<bool> {
        let call = self
            .table
            .updating(&head.pk, HEAD)
            .update_expression("SET oldest = :to")
            .condition_expression("oldest = :from AND epoch = :epoch")
            .expression_attribute_values(":to", number(to))
            .expression_attribute_values(":from", number(from))
            .expression_attribute_values(":epoch", text(head.epoch.as_str()));
        Ok(self.table.update_if(call).await?.is_ok())
    }

    /// Deletes an entry, and before it the id if no other topic keeps it. Whatever of it is done already is fine.
    async fn delete_entry(&self, topic: &str, row: &EntryRow) -> PortResult<()> {
        let id = rows::id(&row.id);
        let this = aws_sdk_dynamodb::types::AttributeValue::Ss(vec![topic.to_owned()]);
        let last = self
            .table
            .deleting(&id, ID)
            .condition_expression("attribute_not_exists(pk) OR attribute_not_exists(kept) OR kept = :this")
            .expression_attribute_values(":this", this.clone());
        if !self.table.delete_if(last).await? {
            let release = self
                .table
                .updating(&id, ID)
                .update_expression("DELETE kept :this")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":this", this);
            self.table.update_if(release).await?.ok();
            // Both topics of an id may have come here at once; DynamoDB has no empty sets.
            let last = self.table.deleting(&id, ID).condition_expression("attribute_not_exists(kept)");
            self.table.delete_if(last).await?;
        }
        self.table.delete(&row.pk, &row.sk).await
    }
}

/// Whether nobody has used a topic for long.
fn is_unused(head: &HeadRow, expiry: Expiry) -> bool {
    head.used_at > 0 && head.used_at < expiry.unused.timestamp_millis()
}
