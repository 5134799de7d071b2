use labelcast_functions::model::{Seq, TopicKey};
use labelcast_functions::ports::{HistoryEntry, HistoryPage, PortResult};

use super::super::contention::Backoff;
use super::super::{Order, Range};
use super::rows::{self, EntryRow};
use super::{DynamoHistory, heads};

impl DynamoHistory {
    /// The head is read first and says which entries there must be: later ones are left out, so that the page is as of
    /// that moment. If one is missing it was forgotten in between, and the head no longer says the truth: both are read
    /// again.
    pub(super) async fn read_page(&self, topic: &TopicKey, after: Seq, limit: usize) -> PortResult<HistoryPage> {
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let head = self.head_row(topic).await?;
            let first = after.0.saturating_add(1).max(head.oldest);
            let expected = (head.newest + 1).saturating_sub(first).min(limit as u64);
            let mut found: Vec<EntryRow> = Vec::new();
            if expected > 0 {
                let last = first + expected - 1;
                let range = (rows::entry(first), rows::entry(last));
                let range = Range::Between(&range.0, &range.1);
                found = self.table.query(&head.pk, range, Order::Ascending, limit).await?;
            }
            if found.len() as u64 == expected {
                let entries: PortResult<Vec<HistoryEntry>> = found.iter().map(|row| self.entry(row)).collect();
                let shown = heads::shown(&head, self.given_up_before());
                return Ok(HistoryPage { head: shown, oldest: Seq(head.oldest), entries: entries? });
            }
            backoff.wait().await?;
        }
    }

    fn entry(&self, row: &EntryRow) -> PortResult<HistoryEntry> {
        let notification = serde_json::from_str(&row.notification).map_err(|error| self.table.broken(&error))?;
        Ok(HistoryEntry { seq: Seq(row.seq), notification })
    }
}
