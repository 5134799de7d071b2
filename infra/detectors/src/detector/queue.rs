//! Pictures that wait for a model.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use image::DynamicImage;
use labelcast_functions::budget::MemoryPermit;
use labelcast_functions::ports::DetectorError;
use tokio::sync::oneshot;

/// What is answered: the probability of each class.
pub(super) type Answer = Result<Vec<f64>, DetectorError>;

/// A picture that waits.
pub(super) struct Waiting {
    number: u64,
    pub(super) picture: Arc<DynamicImage>,
    pub(super) memory: MemoryPermit,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// First in, first out. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    last: u64,
}

impl Queue {
    pub(super) fn join(&self, picture: Arc<DynamicImage>, memory: MemoryPermit) -> Ticket {
        let (answer, answered) = oneshot::channel();
        let mut line = self.lock();
        line.last += 1;
        let number = line.last;
        line.waiting.push_back(Waiting { number, picture, memory, answer });
        drop(line);
        Ticket { queue: self.clone(), number, answered }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The first of those that wait, at most this many.
    pub(super) fn take(&self, most: usize) -> Vec<Waiting> {
        let mut line = self.lock();
        let count = most.min(line.waiting.len());
        line.waiting.drain(..count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one that waits; given up when dropped.
pub(super) struct Ticket {
    queue: Queue,
    number: u64,
    answered: oneshot::Receiver<Answer>,
}

impl Ticket {
    pub(super) async fn answered(&mut self) -> Answer {
        let ended = |_| Err(DetectorError::Unavailable("the server is stopping".to_owned()));
        (&mut self.answered).await.unwrap_or_else(ended)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queue.lock().waiting.retain(|waiting| waiting.number != self.number);
    }
}
