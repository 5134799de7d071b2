use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use labelcast_functions::model::{Epoch, Seq, TopicKey};
use labelcast_functions::ports::{Head, PortResult};

use super::DynamoHistory;
use super::rows::{self, HEAD, HeadRow, TopicRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

/// How often a reader's use of a topic is written down.
const NOTED_EVERY: TimeDelta = TimeDelta::days(1);

/// Evaluated at a time: a number appended before `since` and still in flight counts as exhausted.
pub(super) fn shown(head: &HeadRow, since: DateTime<Utc>) -> Head {
    Head { epoch: head.epoch.clone(), newest: Seq(head.newest), watermark: head.watermark(since) }
}

impl DynamoHistory {
    /// The head of a topic, which is created on first use.
    pub(super) async fn head_row(&self, topic: &TopicKey) -> PortResult<HeadRow> {
        let pk = rows::topic(&topic.to_string());
        let mut backoff = Backoff::new(self.table.what);
        loop {
            if let Some(head) = self.table.get(&pk, HEAD).await? {
                return Ok(head);
            }
            // Whoever else makes it at this moment may be first: then theirs is read.
            if !self.make(topic).await? {
                backoff.wait().await?;
            }
        }
    }

    /// The same for a reader, whose use is noted once a day.
    pub(super) async fn read_head(&self, topic: &TopicKey) -> PortResult<HeadRow> {
        let head = self.head_row(topic).await?;
        let now = self.clock.now();
        if head.used_at < (now - NOTED_EVERY).timestamp_millis() {
            self.note_use(&head, now).await?;
        }
        Ok(head)
    }

    /// Says that a topic is used.
    pub(super) async fn note_use(&self, head: &HeadRow, now: DateTime<Utc>) -> PortResult<()> {
        let call = self
            .table
            .updating(&head.pk, HEAD)
            .update_expression("SET used_at = :now")
            .condition_expression("epoch = :epoch")
            .expression_attribute_values(":now", number(now.timestamp_millis()))
            .expression_attribute_values(":epoch", text(head.epoch.as_str()));
        // In another life of the history somebody else has used it.
        self.table.update_if(call).await.map(drop)
    }

    /// Several heads, in the order requested.
    pub(super) async fn head_rows(&self, topics: &[TopicKey]) -> PortResult<Vec<HeadRow>> {
        if let [topic] = topics {
            return Ok(vec![self.head_row(topic).await?]);
        }
        let partitions: Vec<String> = topics.iter().map(|topic| rows::topic(&topic.to_string())).collect();
        let keys: Vec<(String, String)> = partitions.iter().map(|pk| (pk.clone(), HEAD.to_owned())).collect();
        let found: Vec<HeadRow> = self.table.get_many(&keys).await?;
        let in_order =
            topics.iter().zip(&partitions).map(async |(topic, pk)| match found.iter().find(|head| head.pk == *pk) {
                Some(head) => Ok(head.clone()),
                None => self.head_row(topic).await,
            });
        try_join_all(in_order).await
    }

    /// False if somebody else made it.
    async fn make(&self, topic: &TopicKey) -> PortResult<bool> {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        let head = HeadRow::empty(&topic.to_string(), Epoch::from_random(bytes), self.clock.now());
        let listed = TopicRow { pk: rows::list(topic).to_owned(), sk: topic.to_string() };
        let head = action::put(&self.table, self.table.item(&head)?).condition_expression("attribute_not_exists(pk)");
        let listed = action::put(&self.table, self.table.item(&listed)?);
        let actions = vec![transaction::put(&self.table, head)?, transaction::put(&self.table, listed)?];
        Ok(self.table.transact(actions).await?.is_ok())
    }
}
