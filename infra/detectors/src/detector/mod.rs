//! A model at work: pictures wait for their turn, and a model that hangs holds up no other.

mod health;
mod inference;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::DynamicImage;
use labelcast_functions::model::Detection;
use labelcast_functions::ports::DetectorError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;

use crate::engine::Opened;
use crate::model::{Model, ModelError};
pub use health::State;
use health::{Health, Reason};
pub use inference::Inference;
use queue::{Queue, Waiting};

/// The most pictures that are looked at in one run.
const MAX_BATCH: usize = 8;

/// A detector that asks a model. Cheap to clone.
#[derive(Clone)]
pub struct OnnxDetector(Arc<Shared>);

struct Shared {
    model: Model,
    opened: Opened,
    inference: Inference,
    queue: Queue,
    health: Health,
}

impl OnnxDetector {
    /// Opens a model's network and tries it, which takes some tenths of a second.
    ///
    /// # Errors
    /// The network is none, or not as described, or takes too long.
    pub async fn load(model: Model, inference: &Inference) -> Result<Self, ModelError> {
        let (model, opened) = inference.open(model).await?;
        Ok(Self::of(model, opened, inference))
    }

    fn of(model: Model, opened: Opened, inference: &Inference) -> Self {
        let health = Health::of(model.name());
        Self(Arc::new(Shared { model, opened, inference: inference.clone(), queue: Queue::default(), health }))
    }

    /// What its directory says of it.
    pub fn model(&self) -> &Model {
        &self.0.model
    }

    /// Whether it works.
    pub fn state(&self) -> State {
        self.0.health.state()
    }

    /// Looks at a picture that is the right way up, once there is a place and the memory for it. Dropping the future gives up the
    /// place in the queue.
    ///
    /// It takes its memory from the budget of [`Inference::new`], so the caller must hold none of that meanwhile.
    ///
    /// # Errors
    /// [`DetectorError::Unreadable`] if the model has no answer for this picture; [`DetectorError::Unavailable`] if it took too
    /// long, or is switched off since it did so twice in a row.
    pub async fn look(&self, picture: Arc<DynamicImage>) -> Result<Detection, DetectorError> {
        let probabilities = self.probabilities(picture).await?;
        Ok(self.0.model.detection(&probabilities))
    }

    /// The same, as the probability of each class, the likeliest first.
    ///
    /// # Errors
    /// As [`OnnxDetector::look`].
    pub async fn classes(&self, picture: Arc<DynamicImage>) -> Result<Vec<(String, f64)>, DetectorError> {
        let probabilities = self.probabilities(picture).await?;
        let mut classes: Vec<_> = self.0.model.classes().iter().cloned().zip(probabilities).collect();
        classes.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        Ok(classes)
    }

    async fn probabilities(&self, picture: Arc<DynamicImage>) -> Result<Vec<f64>, DetectorError> {
        let shared = &self.0;
        shared.health.working()?;
        let memory = shared.inference.memory_for(&shared.model, &picture).await?;
        let mut ticket = shared.queue.join(picture, memory);
        loop {
            let place = tokio::select! {
                biased;
                answer = ticket.answered() => return answer,
                place = shared.inference.place() => place,
            };
            // Whoever gets a place looks at the first that wait, which may be others' pictures.
            let waiting = shared.queue.len();
            let share = waiting.div_ceil(shared.inference.free_places() + 1);
            let size = if shared.opened.batches() { share.clamp(1, MAX_BATCH) } else { 1 };
            let batch = shared.queue.take(size);
            if batch.is_empty() {
                drop(place);
                return ticket.answered().await;
            }
            tokio::spawn(shared.clone().run(batch, place));
        }
    }
}

impl Shared {
    /// Looks at a batch on a thread that may block, and answers when it is done or too late. The place is given back when the run
    /// has ended, also where nobody waits for it any more.
    async fn run(self: Arc<Self>, batch: Vec<Waiting>, place: OwnedSemaphorePermit) {
        let (mut pictures, mut answers) = (Vec::new(), Vec::new());
        for Waiting { picture, memory, answer, .. } in batch {
            pictures.push((picture, memory));
            answers.push(answer);
        }
        let limit = self.inference.timeout() * u32::try_from(answers.len()).unwrap_or(u32::MAX);
        let shared = self.clone();
        let begun = Instant::now();
        let mut running = tokio::task::spawn_blocking(move || {
            let results = shared.look_at(&pictures.iter().map(|(picture, _)| &**picture).collect::<Vec<_>>());
            drop((pictures, place));
            results
        });
        match tokio::time::timeout(limit, &mut running).await {
            Ok(ended) => {
                let results = ended.unwrap_or_else(|error| vec![Err(self.ended(&error)); answers.len()]);
                self.health.answered(begun.elapsed(), results.len());
                for (answer, result) in answers.into_iter().zip(results) {
                    // The caller may have left.
                    let _ = answer.send(result);
                }
            }
            Err(_) => {
                let error = self.health.too_late(limit);
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
                let _ = running.await;
                tracing::warn!(
                    model = self.model.name(),
                    seconds = begun.elapsed().as_secs_f64(),
                    "a run that was too late has ended"
                );
            }
        }
    }

    /// One run; if it fails, one for each picture, so that none fails for another.
    fn look_at(&self, pictures: &[&DynamicImage]) -> Vec<Result<Vec<f64>, DetectorError>> {
        match self.opened.look(&self.model, pictures) {
            Ok(rows) => rows
                .into_iter()
                .map(|row| row.map_err(|error| self.health.failed(Reason::Answer, &error.to_string())))
                .collect(),
            Err(why) if pictures.len() == 1 => vec![Err(self.health.failed(Reason::Run, &why))],
            Err(_) => pictures.iter().flat_map(|picture| self.look_at(&[picture])).collect(),
        }
    }

    fn ended(&self, error: &JoinError) -> DetectorError {
        self.health.failed(Reason::Run, &error.to_string())
    }
}

/// How long one picture may take, unless the operator says otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
