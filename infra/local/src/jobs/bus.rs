//! The local event bus: an event becomes a job of the function that handles it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::SubsecRound;
use labelcast_functions::model::{BusEvent, Event, JobRequest};
use labelcast_functions::ports::{Bus, Clock, EntryRefused, PortResult};
use labelcast_functions::size::readable_size;

use super::{Dispatcher, Kind, NewJob};

/// Maximum size of an entry, in bytes: that of `PutEvents` (EventBridge user guide, quotas; the older, smaller value).
const MAX_ENTRY: usize = 256 * 1024;

/// The local event bus. Cheap to clone.
#[derive(Clone)]
pub struct LocalBus {
    dispatcher: Dispatcher,
    clock: Arc<dyn Clock>,
    /// Whether events are refused while too many notifications wait.
    bounded: bool,
}

impl LocalBus {
    /// A bus on this dispatcher that refuses nothing: events published by jobs complete accepted work.
    pub fn new(dispatcher: Dispatcher, clock: Arc<dyn Clock>) -> Self {
        Self { dispatcher, clock, bounded: false }
    }

    /// The same bus for programs, whose events are refused while too many notifications are waiting.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self { bounded: true, ..self.clone() }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, events: &[BusEvent]) -> PortResult<Vec<Result<(), EntryRefused>>> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut deliveries = Vec::with_capacity(events.len());
        // Clients are shown milliseconds.
        let at = self.clock.now().trunc_subsecs(3);
        for event in events {
            let job = NewJob::from(JobRequest::from(Event { at, body: event.clone() }));
            if job.size() > MAX_ENTRY {
                let message = format!(
                    "event too large: {} (limit {})",
                    readable_size(job.size() as u64),
                    readable_size(MAX_ENTRY as u64)
                );
                outcomes.push(Err(EntryRefused { code: "ValidationException".to_owned(), message }));
                continue;
            }
            deliveries.push(job);
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
