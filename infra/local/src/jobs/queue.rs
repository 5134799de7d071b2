//! The queue before `analyze`.

use async_trait::async_trait;
use labelcast_functions::model::{AnalysisJob, JobRequest};
use labelcast_functions::ports::{PortResult, Queue};

use super::Dispatcher;

/// The local queue before `analyze`. Cheap to clone.
#[derive(Clone)]
pub struct LocalQueue {
    dispatcher: Dispatcher,
}

impl LocalQueue {
    /// A queue on this dispatcher.
    pub fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher }
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, job: &AnalysisJob) -> PortResult<()> {
        self.dispatcher.accept(vec![JobRequest::Analyze(job.clone()).into()]).await
    }
}
