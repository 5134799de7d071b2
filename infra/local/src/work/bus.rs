//! The bus of one machine: a rule a function, a row a delivery.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::SecondsFormat;
use labelcast_functions::model::BusEvent;
use labelcast_functions::ports::{Bus, Clock, EntryRefused, PortResult, Random};
use serde_json::json;

use super::{Dispatcher, Kind, Target};

/// `PutEvents`' bound for one entry, in bytes (EventBridge user guide, quotas; the older and smaller figure).
const MAX_ENTRY: usize = 256 * 1024;

/// The bus.
#[derive(Clone)]
pub struct LocalBus {
    dispatcher: Dispatcher,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Whether events are refused while too many notifications wait.
    bounded: bool,
}

impl LocalBus {
    /// Delivers by way of this dispatcher, and refuses nothing: what jobs publish finishes what was accepted.
    pub fn new(dispatcher: Dispatcher, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { dispatcher, clock, random, bounded: false }
    }

    /// The same bus for programs that publish, who are refused while too many notifications wait.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self { bounded: true, ..self.clone() }
    }

    /// The event as EventBridge wraps it.
    fn envelope(&self, event: &BusEvent) -> String {
        json!({
            "version": "0",
            "id": self.random.id(),
            "detail-type": event.detail_type(),
            "source": BusEvent::SOURCE,
            "account": "000000000000",
            "time": self.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "region": "local",
            "resources": [],
            "detail": event.detail(),
        })
        .to_string()
    }
}

/// The rules: who listens to what.
fn targets(event: &BusEvent) -> impl Iterator<Item = Target> {
    let kind = event.detail_type();
    [(BusEvent::FOR_INDEX, Target::Index), (BusEvent::FOR_NOTIFY, Target::Notify)]
        .into_iter()
        .filter(move |(pattern, _)| pattern.contains(&kind))
        .map(|(_, target)| target)
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, events: &[BusEvent]) -> PortResult<Vec<Result<(), EntryRefused>>> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut deliveries = Vec::with_capacity(events.len());
        for event in events {
            let envelope = self.envelope(event);
            if envelope.len() > MAX_ENTRY {
                let message = format!("an event has {} bytes; at most {MAX_ENTRY} are taken", envelope.len());
                outcomes.push(Err(EntryRefused { code: "ValidationException".to_owned(), message }));
                continue;
            }
            deliveries.extend(targets(event).map(|target| (target, envelope.clone())));
            outcomes.push(Ok(()));
        }
        if deliveries.is_empty() {
            return Ok(outcomes);
        }
        if self.bounded {
            let admitted = self.dispatcher.admit(Kind::Notifications, deliveries.len())?;
            self.dispatcher.accept_admitted(vec![admitted], deliveries).await?;
        } else {
            self.dispatcher.accept(deliveries).await?;
        }
        Ok(outcomes)
    }
}
