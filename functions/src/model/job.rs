//! Requests of asynchronous functions. A backend constructs them from its own input: a queue's message, an event of the
//! bus, a row of a table.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BusEvent, ImageAnalyzed, ImageId, ImageType, RemovalRequest, UploadId};

/// A newly stored object of an upload: the request of `ingest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewObject {
    /// The upload. Its object lies under [`crate::ports::ObjectKey::new_upload`].
    pub upload_id: UploadId,
    /// When the object was stored, as the bucket says. The image counts as uploaded then.
    pub created_at: DateTime<Utc>,
}

/// The request of `analyze`, sent by `ingest`: the body of the queue's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisJob {
    /// The image; its bytes lie under [`crate::ports::ObjectKey::processed`].
    pub image_id: ImageId,
    /// The type of the image's bytes.
    pub content_type: ImageType,
}

/// The request of `index`: the events of [`BusEvent::FOR_INDEX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum IndexRequest {
    /// Store the result of an analysis.
    Store(ImageAnalyzed),
    /// Remove an image, if its removal still applies.
    Remove(RemovalRequest),
}

/// An event as the bus delivers it: the request of `notify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was published. A repeat has the same time.
    pub at: DateTime<Utc>,
    /// The event itself.
    #[serde(rename = "event")]
    pub body: BusEvent,
}

/// A request for one of the functions, which names the function. The local backend stores it, so a change to its JSON is a
/// new version of a job's payload there; `failed` takes it once its attempts are exhausted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", content = "request", rename_all = "lowercase")]
pub enum JobRequest {
    /// A request for `ingest`.
    Ingest(NewObject),
    /// A request for `analyze`.
    Analyze(AnalysisJob),
    /// A request for `index`.
    Index(IndexRequest),
    /// A request for `notify`.
    Notify(Event),
}

impl From<Event> for JobRequest {
    /// Who listens: `index` to what is to be stored or removed, `notify` to what is.
    fn from(Event { at, body }: Event) -> Self {
        match body {
            BusEvent::ImageAnalyzed(analyzed) => Self::Index(IndexRequest::Store(analyzed)),
            BusEvent::ImageRemovalRequested(request) => Self::Index(IndexRequest::Remove(request)),
            body => Self::Notify(Event { at, body }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Analysis;

    #[test]
    fn an_event_goes_to_the_functions_subscribed_to_it() {
        let (image_id, at) = (ImageId::from_digest([1; 32]), DateTime::UNIX_EPOCH);
        let analysis = Analysis::nothing(at);
        let analyzed = BusEvent::ImageAnalyzed(ImageAnalyzed { image_id, analysis });
        let offensive = BusEvent::ImageOffensive { image_id, generation: None };
        for (body, listeners) in [(analyzed, BusEvent::FOR_INDEX), (offensive, BusEvent::FOR_NOTIFY)] {
            assert!(listeners.contains(&body.detail_type()));
            let for_index = listeners == BusEvent::FOR_INDEX;
            assert_eq!(matches!(JobRequest::from(Event { at, body }), JobRequest::Index(_)), for_index);
        }
    }
}
