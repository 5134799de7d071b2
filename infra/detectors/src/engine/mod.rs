//! What computes networks: `rten`, which is built in, or ONNX Runtime, if the operator has its library.

mod network;
mod onnxruntime;
mod opened;
mod rten;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

pub(crate) use network::{Input, Network};
pub use onnxruntime::{EngineError, OnnxRuntime};
pub(crate) use opened::Opened;

/// What computes networks. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Engine(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    Rten,
    OnnxRuntime(Arc<OnnxRuntime>),
}

/// Runs of ONNX Runtime at once at most: each has a copy of the weights.
const MAX_SESSIONS: usize = 4;

impl Engine {
    /// The one that is built in.
    pub const fn rten() -> Self {
        Self(Kind::Rten)
    }

    /// ONNX Runtime, about four times as fast.
    pub fn onnx_runtime(runtime: OnnxRuntime) -> Self {
        Self(Kind::OnnxRuntime(Arc::new(runtime)))
    }

    /// For people and logs: `rten`, `ONNX Runtime`.
    pub const fn name(&self) -> &'static str {
        match self.0 {
            Kind::Rten => "rten",
            Kind::OnnxRuntime(_) => "ONNX Runtime",
        }
    }

    /// How many runs are made of this many threads.
    pub(crate) fn runs_at_once(&self, threads: NonZeroUsize) -> NonZeroUsize {
        match self.0 {
            Kind::Rten => threads,
            Kind::OnnxRuntime(_) => threads.min(const { NonZeroUsize::new(MAX_SESSIONS).unwrap() }),
        }
    }

    /// Reads a network. It may panic, and take long.
    pub(crate) fn open(&self, file: &Path, threads: NonZeroUsize) -> Result<Box<dyn Network>, String> {
        match &self.0 {
            Kind::Rten => Ok(Box::new(rten::RtenNetwork::open(file)?)),
            Kind::OnnxRuntime(runtime) => {
                let runs = self.runs_at_once(threads);
                Ok(Box::new(runtime.open(file, runs, threads.get().div_ceil(runs.get()))?))
            }
        }
    }
}
