use labelcast_functions::model::{Seq, TopicKey};
use labelcast_functions::ports::{HistoryEntry, HistoryPage, PageLimit, PortResult};

use super::rows::{self, EntryRow};
use super::{DynamoHistory, heads};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{Order, Range};

/// Entries queried first where bytes are bounded: a few of the largest.
const FIRST_PIECE: u64 = 8;

impl DynamoHistory {
    /// The head is read first and says which entries there must be: later ones are left out, so that the page is as of
    /// that moment. If one is missing it was forgotten in between, and the head no longer says the truth: both are read
    /// again.
    pub(super) async fn read_page(&self, topic: &TopicKey, after: Seq, limit: PageLimit) -> PortResult<HistoryPage> {
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let head = self.read_head(topic).await?;
            let first = after.0.saturating_add(1).max(head.oldest);
            let expected = (head.newest + 1).saturating_sub(first).min(limit.entries as u64);
            if let Some(found) = self.entries(&head.pk, first, expected, limit.bytes).await? {
                let entries: PortResult<Vec<HistoryEntry>> = found.iter().map(|row| self.entry(row)).collect();
                let shown = heads::shown(&head, self.clock.now());
                return Ok(HistoryPage { head: shown, oldest: Seq(head.oldest), entries: entries? });
            }
            backoff.wait().await?;
        }
    }

    /// So many entries, or as many of them as `bytes` allow; `None` if one is missing. They are queried in pieces, since what
    /// is not wanted would be paid for and held all the same.
    async fn entries(&self, pk: &str, first: u64, expected: u64, bytes: usize) -> PortResult<Option<Vec<EntryRow>>> {
        let mut entries: Vec<EntryRow> = Vec::new();
        let mut held = 0;
        while (entries.len() as u64) < expected {
            let next = first + entries.len() as u64;
            // As many as fit if they are as large as those before; to begin with, all if there is no bound, else a few.
            let likely = match entries.len() {
                _ if bytes == usize::MAX => expected,
                0 => FIRST_PIECE,
                some => ((bytes - held) / (held / some).max(1)).clamp(1, 256) as u64,
            };
            let wanted = likely.min(expected - entries.len() as u64);
            let range = (rows::entry(next), rows::entry(next + wanted - 1));
            let range = Range::Between(&range.0, &range.1);
            let limit = usize::try_from(wanted).unwrap_or(usize::MAX);
            let found: Vec<EntryRow> = self.table.query(pk, range, Order::Ascending, limit).await?;
            if found.len() as u64 != wanted {
                return Ok(None);
            }
            for row in found {
                if !entries.is_empty() && held + row.notification.len() > bytes {
                    return Ok(Some(entries));
                }
                held = held.saturating_add(row.notification.len()).min(bytes);
                entries.push(row);
            }
        }
        Ok(Some(entries))
    }

    fn entry(&self, row: &EntryRow) -> PortResult<HistoryEntry> {
        let notification = serde_json::from_str(&row.notification).map_err(|error| self.table.broken(&error))?;
        Ok(HistoryEntry { seq: Seq(row.seq), notification })
    }
}
