use async_trait::async_trait;

use super::PortResult;
pub use crate::model::AnalysisJob;

/// The queue of pictures that wait for `analyze`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues a job. Durable on return; delivered at least once.
    async fn send(&self, job: &AnalysisJob) -> PortResult<()>;
}
