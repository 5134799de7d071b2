//! The bus, on EventBridge.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use labelcast_functions::model::BusEvent;
use labelcast_functions::ports::{Bus, EntryRefused, PortError, PortResult};
use labelcast_functions::size::readable_size;

/// Entries of one `PutEvents` (API reference).
const BATCH: usize = 10;
/// Bytes of one `PutEvents`, all entries together (EventBridge user guide, quotas; the older and smaller figure).
const MAX_BYTES: usize = 256 * 1024;
/// What an entry counts besides its detail, source and detail type: its time.
const TIME_BYTES: usize = 14;

/// The bus of this name.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// One event on its way: its place among those sent, its detail, and what it counts.
struct Entry<'a> {
    place: usize,
    event: &'a BusEvent,
    detail: String,
}

impl Entry<'_> {
    fn bytes(&self) -> usize {
        self.detail.len() + self.event.detail_type().len() + BusEvent::SOURCE.len() + TIME_BYTES
    }
}

impl EventBus {
    /// The bus of this name.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    async fn put(&self, batch: &[Entry<'_>], outcomes: &mut [Result<(), EntryRefused>]) -> PortResult<()> {
        let entries = batch.iter().map(|entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(BusEvent::SOURCE)
                .detail_type(entry.event.detail_type())
                .detail(&entry.detail)
                .build()
        });
        let response = self.client.put_events().set_entries(Some(entries.collect())).send().await;
        let response = response.map_err(|error| PortError::Unavailable {
            what: "the bus",
            why: DisplayErrorContext(&error).to_string(),
        })?;
        for (entry, result) in batch.iter().zip(response.entries()) {
            if let Some(code) = result.error_code() {
                let message = result.error_message().unwrap_or_default().to_owned();
                outcomes[entry.place] = Err(EntryRefused { code: code.to_owned(), message });
            }
        }
        Ok(())
    }
}

/// Batches that `PutEvents` takes, in order. What alone is too large is refused.
fn batches<'a>(events: &'a [BusEvent], outcomes: &mut [Result<(), EntryRefused>]) -> Vec<Vec<Entry<'a>>> {
    let mut batches: Vec<Vec<Entry<'a>>> = Vec::new();
    let mut bytes = 0;
    for (place, event) in events.iter().enumerate() {
        let entry = Entry { place, event, detail: event.detail().to_string() };
        if entry.bytes() > MAX_BYTES {
            let message = format!(
                "event too large: {} (limit {})",
                readable_size(entry.bytes() as u64),
                readable_size(MAX_BYTES as u64)
            );
            outcomes[place] = Err(EntryRefused { code: "ValidationException".to_owned(), message });
            continue;
        }
        match batches.last_mut().filter(|batch| batch.len() < BATCH && bytes + entry.bytes() <= MAX_BYTES) {
            Some(batch) => {
                bytes += entry.bytes();
                batch.push(entry);
            }
            None => {
                bytes = entry.bytes();
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[async_trait]
impl Bus for EventBus {
    async fn publish(&self, events: &[BusEvent]) -> PortResult<Vec<Result<(), EntryRefused>>> {
        let mut outcomes = vec![Ok(()); events.len()];
        for batch in batches(events, &mut outcomes) {
            self.put(&batch, &mut outcomes).await?;
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> BusEvent {
        let topic = "app:builds".parse().unwrap();
        let data = serde_json::Value::String("x".repeat(bytes));
        BusEvent::TopicPublished { id: "1".to_owned(), topic, event: "build.done".to_owned(), data }
    }

    #[test]
    fn batches_stay_within_the_limits_of_put_events() {
        let events: Vec<BusEvent> = [100; 12].into_iter().chain([200_000, 100_000, 300_000, 10]).map(event).collect();
        let mut outcomes = vec![Ok(()); events.len()];
        let batches = batches(&events, &mut outcomes);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 3, 2]);
        assert!(batches.iter().all(|batch| batch.iter().map(Entry::bytes).sum::<usize>() <= MAX_BYTES));
        let refused: Vec<usize> = (0..events.len()).filter(|place| outcomes[*place].is_err()).collect();
        assert_eq!(refused, [14], "what alone is too large holds up none of the others");
    }
}
