//! Where pictures are decoded.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::budget::{ByteSize, MemoryBudget, NeverFits};
use crate::imaging::{PictureFile, Probe, Rejection};

/// Decodes pictures apart from the async runtime's threads: as many at once as it has threads of its own, and within the
/// memory budget. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Decoding {
    memory: MemoryBudget,
    threads: Arc<Semaphore>,
}

/// A picture could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DecodingError {
    /// The same picture will fail again.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The code that looked at it failed.
    #[error("{0}")]
    Failed(String),
}

impl Decoding {
    /// Within this budget, on at most this many threads at once.
    pub fn new(memory: MemoryBudget, threads: NonZeroUsize) -> Self {
        Self { memory, threads: Arc::new(Semaphore::new(threads.get())) }
    }

    /// What pictures may take at once.
    pub fn budget(&self) -> ByteSize {
        self.memory.total()
    }

    /// Reads what a picture's headers say, waits until there is a thread and the memory that the picture takes when it is
    /// decoded to `longest` pixels on its longer side, and does that.
    ///
    /// # Errors
    /// The headers are refused, the picture could never fit, or `look` refuses or panics.
    pub async fn run<T: Send + 'static>(
        &self,
        bytes: bytes::Bytes,
        longest: impl FnOnce(&Probe) -> u32 + Send + 'static,
        look: impl FnOnce(&PictureFile) -> Result<T, Rejection> + Send + 'static,
    ) -> Result<T, DecodingError> {
        let failed = |error: tokio::task::JoinError| DecodingError::Failed(error.to_string());
        // The order of the queue for threads is that of the queue for memory.
        let thread = self.threads.clone().acquire_owned().await;
        let thread = thread.map_err(|error| DecodingError::Failed(error.to_string()))?;
        let file = tokio::task::spawn_blocking(move || PictureFile::read(bytes)).await.map_err(failed)??;
        let probe = file.probe();
        let needed = file.memory(longest(probe));
        let waiting = std::time::Instant::now();
        let memory = self.memory.acquire(needed).await.map_err(|error| never_fits(probe, error))?;
        metrics::histogram!("labelcast_memory_wait_seconds").record(waiting.elapsed().as_secs_f64());
        self.show();
        let looked = tokio::task::spawn_blocking(move || {
            let looked = look(&file);
            // Given back when the work has ended, also where nobody waits for it any more.
            drop((file, memory, thread));
            looked
        });
        let looked = looked.await.map_err(failed)?;
        self.show();
        Ok(looked?)
    }

    fn show(&self) {
        let (total, free) = (self.memory.total().bytes(), self.memory.available().bytes());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        metrics::gauge!("labelcast_memory_in_use_bytes").set(total.saturating_sub(free) as f64);
    }
}

fn never_fits(probe: &Probe, error: NeverFits) -> Rejection {
    metrics::counter!("labelcast_memory_refused_total").increment(1);
    tracing::warn!(width = probe.width, height = probe.height, %error, "a picture exceeds the memory budget");
    Rejection::TooMuchMemory { width: probe.width, height: probe.height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> bytes::Bytes {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, image::ImageFormat::WebP).unwrap();
        bytes.into_inner().into()
    }

    fn decoding(kib: u64) -> Decoding {
        Decoding::new(MemoryBudget::new(ByteSize::new(kib << 10)), NonZeroUsize::MIN)
    }

    #[tokio::test]
    async fn a_picture_that_can_never_fit_is_rejected_with_its_size() {
        let error = decoding(6 << 10).run(png(1_200, 1_000), |_| 800, |_| Ok(())).await.unwrap_err();
        let DecodingError::Rejected(rejection) = error else { panic!("{error}") };
        assert_eq!(rejection, Rejection::TooMuchMemory { width: 1_200, height: 1_000 });
        assert!(rejection.to_string().contains("1200×1000"), "{rejection}");
    }

    #[tokio::test]
    async fn memory_is_reserved_during_decoding_and_released_even_on_failure() {
        let decoding = decoding(100 << 10);
        let all = decoding.memory.total();
        let memory = decoding.memory.clone();
        let held = decoding.run(png(400, 300), |_| 800, move |_| Ok(memory.available())).await.unwrap();
        assert!(held < all);
        assert_eq!(decoding.memory.available(), all);
        let damaged = decoding.run(png(400, 300), |_| 800, |_| Err::<(), _>(Rejection::Damaged)).await;
        assert!(matches!(damaged, Err(DecodingError::Rejected(Rejection::Damaged))));
        let panicked = decoding.run(png(400, 300), |_| 800, |_| -> Result<(), _> { panic!("as a test") }).await;
        assert!(matches!(panicked, Err(DecodingError::Failed(_))));
        assert_eq!(decoding.memory.available(), all);
    }
}
