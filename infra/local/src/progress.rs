//! Tells what is slow from what hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts whatever gets something done. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Records progress.
    pub fn made(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How much was done so far.
    pub fn reached(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
