//! What all models share: places, memory and time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use image::DynamicImage;
use labelcast_functions::budget::{MemoryBudget, MemoryPermit};
use labelcast_functions::ports::DetectorError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DEFAULT_TIMEOUT;
use crate::engine::{Engine, Opened};
use crate::model::{Model, ModelError};

/// How long opening and trying a model may take, in times of one picture.
const TRIALS: u32 = 6;
/// What a run takes at once, in times of what goes into the network. Networks widen a picture to 32 or 64 channels at half its
/// sides, and some expand those sixfold for a moment.
const WIDENED: u64 = 24;

/// Where models run: on as many threads as it has, within a memory budget, each run within a time. Clones share it.
#[derive(Debug, Clone)]
pub struct Inference {
    engine: Engine,
    threads: NonZeroUsize,
    places: Arc<Semaphore>,
    memory: MemoryBudget,
    timeout: Duration,
}

impl Inference {
    /// On at most this many threads at once. A picture takes 10 seconds at most.
    pub fn new(engine: Engine, threads: NonZeroUsize, memory: MemoryBudget) -> Self {
        let places = Arc::new(Semaphore::new(engine.runs_at_once(threads).get()));
        Self { engine, threads, places, memory, timeout: DEFAULT_TIMEOUT }
    }

    /// With another time that a picture may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What computes.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A place for a run, as soon as one is free.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        self.places.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    pub(super) fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// What a picture takes while it waits and is looked at.
    pub(super) async fn memory_for(
        &self,
        model: &Model,
        picture: &DynamicImage,
    ) -> Result<MemoryPermit, DetectorError> {
        let needed = picture.as_bytes().len() as u64 + model.steps.size().pixels() as u64 * 3 * (4 * WIDENED + 1);
        self.memory.acquire(needed).await.map_err(|error| DetectorError::Unreadable(error.to_string()))
    }

    /// Opens and tries a model's network on a thread that may block.
    pub(super) async fn open(&self, model: Model) -> Result<(Model, Opened), ModelError> {
        let place = self.place().await;
        let (engine, threads, limit) = (self.engine.clone(), self.threads, self.timeout * TRIALS);
        let file = model.network().to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let opened = Opened::open(&model, &engine, threads);
            drop(place);
            opened.map(|opened| (model, opened))
        });
        let fault = |problem: String| ModelError::of_file(&file, problem, "Use a smaller model");
        match tokio::time::timeout(limit, opening).await {
            Ok(opened) => opened.map_err(|error| fault(format!("it cannot be opened: {error}")))?,
            Err(_) => Err(fault(format!("looking at test pictures took longer than {} s", limit.as_secs_f64()))),
        }
    }
}
