//! State shared by all workers.

use std::sync::Arc;

use labelcast_functions::ports::{Clock, Random};
use tokio::sync::RwLock;
use tokio_util::task::TaskTracker;

use super::backlog::Backlog;
use super::lease::JobQueue;
use super::{JobTable, Target};

/// State shared by all workers.
pub(super) struct Shared {
    pub(super) table: JobTable,
    pub(super) queues: [Arc<JobQueue>; Target::ALL.len()],
    pub(super) backlog: Backlog,
    /// Held shared while ordinary jobs run, exclusively while a suspect does.
    pub(super) gate: RwLock<()>,
    /// Tasks that remove completed jobs from the table.
    pub(super) ending: TaskTracker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) max_attempts: u32,
}

impl Shared {
    pub(super) fn queue(&self, target: Target) -> &Arc<JobQueue> {
        &self.queues[target as usize]
    }
}
