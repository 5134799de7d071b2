//! The history of topics.
//!
//! A topic's head is a row of its own; every append changes it, so a topic takes about 500 appends a second: each is a
//! transaction, and a partition writes 1,000 units a second.

mod append;
mod expiry;
mod heads;
mod partitions;
mod read;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{Seq, TopicKey};
use labelcast_functions::ports::{
    Appended, Clock, Expiry, Head, History, HistoryPage, NewEntry, PageLimit, PortResult, Random, TopicPosition,
};

use super::Table;

/// The history of topics in a table of its own.
#[derive(Clone)]
pub struct DynamoHistory {
    table: Table,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    watermark: TimeDelta,
}

/// How long the delivered watermark waits for a notification that nobody has finished, unless it is set otherwise.
const WATERMARK: TimeDelta = TimeDelta::minutes(20);

impl DynamoHistory {
    /// A history kept in this table.
    pub fn new(table: Table, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { table, clock, random, watermark: WATERMARK }
    }

    /// With another time after which the watermark passes what nobody has finished.
    #[must_use]
    pub fn with_watermark(self, watermark: TimeDelta) -> Self {
        Self { watermark, ..self }
    }

    /// The moment before which a notification must have been appended to count as exhausted now.
    fn exhausted_before(&self) -> DateTime<Utc> {
        self.clock.now() - self.watermark
    }
}

#[async_trait]
impl History for DynamoHistory {
    async fn append(&self, entries: &[NewEntry]) -> PortResult<Vec<Appended>> {
        let mut appended = Vec::with_capacity(entries.len());
        for entry in entries {
            appended.push(self.append_one(entry).await?);
        }
        Ok(appended)
    }

    async fn mark_delivered(&self, positions: &[TopicPosition]) -> PortResult<()> {
        self.settle_all(positions).await
    }

    async fn partition(&self, positions: &[TopicPosition], partitions: u32) -> PortResult<()> {
        self.partition_all(positions, partitions).await
    }

    async fn mark_partition_delivered(&self, positions: &[TopicPosition], partition: u32) -> PortResult<()> {
        self.mark_partitions_delivered(positions, partition).await
    }

    async fn head(&self, topic: &TopicKey) -> PortResult<Head> {
        Ok(heads::shown(&self.read_head(topic).await?, self.exhausted_before()))
    }

    async fn read(&self, topic: &TopicKey, after: Seq, limit: PageLimit) -> PortResult<HistoryPage> {
        self.read_page(topic, after, limit).await
    }

    async fn expire(&self, expiry: Expiry) -> PortResult<u64> {
        self.sweep(expiry).await
    }
}
