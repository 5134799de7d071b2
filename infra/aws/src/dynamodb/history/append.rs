use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::{try_join, try_join_all};
use labelcast_functions::model::{Cursor, Seq, TopicKey};
use labelcast_functions::ports::{Appended, NewEntry, PortError, PortResult, TopicPosition};

use super::DynamoHistory;
use super::rows::{self, EntryRow, HEAD, HeadRow, ID, IdRow};
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{action, number, text, transaction};

/// Numbers of one topic in flight at once: what keeps the head small. Nobody is meant to meet it; if no notifier can
/// push, appending waits, and is retried by the caller.
const IN_FLIGHT: usize = 4_000;
/// How many exhausted numbers each append removes from the head.
const STRUCK: usize = 50;
/// A head and an entry a topic, and the id.
const TOPICS: usize = (transaction::ACTIONS - 1) / 2;

impl DynamoHistory {
    /// One transaction for all topics: no holes, no doubles (`docs/guarantees.md#no-holes-no-doubles`).
    pub(super) async fn append_one(&self, entry: &NewEntry) -> PortResult<Appended> {
        if entry.topics.len() > TOPICS {
            let why = format!("an entry with {} topics (limit {TOPICS} per transaction)", entry.topics.len());
            return Err(PortError::Failed { what: self.table.what, why });
        }
        let id = rows::id(&entry.notification.id);
        let mut backoff = Backoff::new(self.table.what);
        loop {
            let (known, heads) = try_join(self.table.get::<IdRow>(&id, ID), self.head_rows(&entry.topics)).await?;
            if let Some(known) = known {
                return self.repeated(known.positions).await;
            }
            let since = self.exhausted_before();
            if heads.iter().any(|head| head.pushing(since).count() >= IN_FLIGHT) {
                let why = format!("{IN_FLIGHT} notifications of one topic are waiting to be pushed");
                return Err(PortError::Unavailable { what: self.table.what, why });
            }
            match self.table.transact(self.actions(entry, &heads)?).await? {
                Ok(()) => return Ok(appended(entry, &heads, since)),
                // Another was appended, or the same by somebody else: look again.
                Err(_) => backoff.wait().await?,
            }
        }
    }

    fn actions(
        &self,
        entry: &NewEntry,
        heads: &[HeadRow],
    ) -> PortResult<Vec<aws_sdk_dynamodb::types::TransactWriteItem>> {
        let table = &self.table;
        let (now, since) = (self.clock.now(), self.exhausted_before());
        let id = &entry.notification.id;
        let json = serde_json::to_string(&entry.notification).map_err(|error| table.broken(&error))?;
        let mut actions = Vec::with_capacity(heads.len() * 2 + 1);
        for head in heads {
            let seq = head.newest + 1;
            let struck: HashMap<String, String> = head
                .exhausted(since)
                .take(STRUCK)
                .enumerate()
                .map(|(n, seq)| (format!("#s{n}"), seq.clone()))
                .collect();
            let mut expression = "SET newest = :seq, used_at = :now, in_flight.#seq = :now".to_owned();
            if !struck.is_empty() {
                let paths: Vec<String> = struck.keys().map(|name| format!("in_flight.{name}")).collect();
                expression = format!("{expression} REMOVE {}", paths.join(", "));
            }
            let advance = action::update(table, &head.pk, HEAD)
                .update_expression(expression)
                .condition_expression("newest = :newest AND epoch = :epoch")
                .set_expression_attribute_names(Some(struck))
                .expression_attribute_names("#seq", seq.to_string())
                .expression_attribute_values(":seq", number(seq))
                .expression_attribute_values(":now", number(now.timestamp_millis()))
                .expression_attribute_values(":newest", number(head.newest))
                .expression_attribute_values(":epoch", text(head.epoch.as_str()));
            actions.push(transaction::update(table, advance)?);
            let row = EntryRow {
                pk: head.pk.clone(),
                sk: rows::entry(seq),
                seq,
                id: id.clone(),
                notification: json.clone(),
                at: now.timestamp_millis(),
            };
            actions.push(transaction::put(table, action::put(table, table.item(&row)?))?);
        }
        let row = IdRow {
            pk: rows::id(id),
            sk: ID.to_owned(),
            positions: entry.topics.iter().cloned().zip(heads.iter().map(|head| Seq(head.newest + 1))).collect(),
            kept: entry.topics.iter().map(TopicKey::to_string).collect(),
        };
        let row = action::put(table, table.item(&row)?).condition_expression("attribute_not_exists(pk)");
        actions.push(transaction::put(table, row)?);
        Ok(actions)
    }

    /// An id that is there keeps its numbers and is pushed again.
    async fn repeated(&self, known: Vec<(TopicKey, Seq)>) -> PortResult<Appended> {
        let topics: Vec<TopicKey> = known.iter().map(|(topic, _)| topic.clone()).collect();
        let heads = self.head_rows(&topics).await?;
        let since = self.exhausted_before();
        let positions = known.into_iter().zip(&heads).map(|((topic, seq), head)| {
            let cursor = Cursor { epoch: head.epoch.clone(), seq: head.watermark(since) };
            TopicPosition { topic, seq, cursor }
        });
        Ok(Appended { positions: positions.collect(), repeated: true })
    }

    /// Takes what was pushed out of flight.
    pub(super) async fn settle_all(&self, positions: &[TopicPosition]) -> PortResult<()> {
        let mut topics: HashMap<&TopicKey, Vec<&TopicPosition>> = HashMap::new();
        for place in positions {
            topics.entry(&place.topic).or_default().push(place);
        }
        let settling = topics.into_iter().flat_map(|(topic, places)| {
            let some: Vec<Vec<&TopicPosition>> = places.chunks(STRUCK).map(<[&TopicPosition]>::to_vec).collect();
            some.into_iter().map(move |places| self.settle_some(topic, places))
        });
        try_join_all(settling).await.map(drop)
    }

    async fn settle_some(&self, topic: &TopicKey, places: Vec<&TopicPosition>) -> PortResult<()> {
        let Some(first) = places.first() else { return Ok(()) };
        // Twice the same path is refused.
        let seqs: std::collections::BTreeSet<Seq> = places.iter().map(|place| place.seq).collect();
        let names: HashMap<String, String> =
            seqs.iter().enumerate().map(|(n, seq)| (format!("#s{n}"), seq.0.to_string())).collect();
        let paths: Vec<String> = names.keys().map(|name| format!("in_flight.{name}")).collect();
        let call = self
            .table
            .updating(&rows::topic(&topic.to_string()), HEAD)
            .update_expression(format!("REMOVE {}", paths.join(", ")))
            .condition_expression("epoch = :epoch")
            .set_expression_attribute_names(Some(names))
            .expression_attribute_values(":epoch", text(first.cursor.epoch.as_str()));
        // In another life of the history there is nothing to settle.
        self.table.update_if(call).await.map(drop)
    }
}

/// As it stands once the transaction is made: its own numbers are in flight.
fn appended(entry: &NewEntry, heads: &[HeadRow], since: DateTime<Utc>) -> Appended {
    let positions = entry.topics.iter().zip(heads).map(|(topic, head)| {
        let cursor = Cursor { epoch: head.epoch.clone(), seq: head.watermark(since) };
        TopicPosition { topic: topic.clone(), seq: Seq(head.newest + 1), cursor }
    });
    Appended { positions: positions.collect(), repeated: false }
}
