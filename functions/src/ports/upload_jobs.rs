use std::collections::HashSet;

use async_trait::async_trait;

use super::PortResult;
use crate::model::{Upload, UploadId};

/// What is still to be done about uploads that have no result yet.
#[async_trait]
pub trait UploadJobs: Send + Sync {
    /// Of these uploads, those whose job waits, runs, or will be tried again: it is too early to call them failed. A backend
    /// that cannot tell for a single one returns true for as long as a job may be left.
    async fn unfinished(&self, uploads: &[Upload]) -> PortResult<HashSet<UploadId>>;
}
