//! The queue before `analyze`.

use async_trait::async_trait;
use labelcast_functions::ports::{AnalysisJob, PortResult, Queue};

use super::{Dispatcher, Target};

/// The queue.
#[derive(Clone)]
pub struct LocalQueue {
    dispatcher: Dispatcher,
}

impl LocalQueue {
    /// Delivers by way of this dispatcher.
    pub fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher }
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, job: &AnalysisJob) -> PortResult<()> {
        let body = serde_json::to_string(job).expect("a job is plain data, which JSON can hold");
        self.dispatcher.accept(vec![(Target::Analyze, body)]).await
    }
}
