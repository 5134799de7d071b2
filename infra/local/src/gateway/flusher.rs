//! Writes what was queued to many sockets.
//!
//! Going round all receivers takes a while: 50 ms for ten thousand. What is pushed meanwhile joins what waits, so that a
//! socket whose turn comes gets all of it with one write. The faster messages come, the more share a write.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::limits;
use super::socket::Socket;
use crate::progress::Progress;

/// Sockets that have something to write, each once, and those who write it.
pub(super) struct Flusher {
    state: Mutex<State>,
    progressed: Notify,
    progress: Progress,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Socket>>,
    /// The place of the last socket handed over, counted since the start.
    dispatched: Place,
    flushed: Place,
    /// Tasks that are under way.
    tasks: usize,
}

/// How many sockets were dispatched, or flushed, since the beginning.
pub(super) type Place = u64;

impl Flusher {
    pub(super) fn new(progress: Progress) -> Self {
        Self { state: Mutex::default(), progressed: Notify::new(), progress }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over sockets to which something was queued [`First`](super::outbound::Queued::First). Returns the place that
    /// [`reached`](Self::reached) waits for.
    pub(super) fn dispatch(self: &Arc<Self>, sockets: Vec<Arc<Socket>>) -> Place {
        let mut state = self.state();
        state.dispatched += sockets.len() as Place;
        state.waiting.extend(sockets);
        let wanted = state.waiting.len().div_ceil(limits::FLUSH_BATCH).min(workers());
        for _ in state.tasks..wanted {
            state.tasks += 1;
            tokio::spawn(self.clone().work());
        }
        state.dispatched
    }

    /// Flushes until nothing waits; others have their turn in between.
    async fn work(self: Arc<Self>) {
        loop {
            let sockets: Vec<Arc<Socket>> = {
                let mut state = self.state();
                let some = state.waiting.len().min(limits::FLUSH_BATCH);
                if some == 0 {
                    state.tasks -= 1;
                    return;
                }
                state.waiting.drain(..some).collect()
            };
            for socket in &sockets {
                socket.flush();
            }
            self.state().flushed += sockets.len() as Place;
            self.progressed.notify_waiters();
            self.progress.made();
            tokio::task::yield_now().await;
        }
    }

    /// Waits until that many were flushed.
    pub(super) async fn reached(&self, place: Place) {
        loop {
            let progressed = self.progressed.notified();
            tokio::pin!(progressed);
            // Registered before looking, so that no notice falls in between.
            progressed.as_mut().enable();
            if self.state().flushed >= place {
                return;
            }
            progressed.await;
        }
    }
}

/// Threads that tasks run on.
fn workers() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}
