use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::model::{ImageId, ImageType};

/// What `ingest` asks of `analyze`: the body of the queue's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisJob {
    /// The image; its bytes lie under [`super::ObjectKey::processed`].
    pub image_id: ImageId,
    /// The type of the image's bytes.
    pub content_type: ImageType,
}

/// The queue of pictures that wait for `analyze`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues a job. Durable when answered; delivered at least once.
    async fn send(&self, job: &AnalysisJob) -> PortResult<()>;
}
