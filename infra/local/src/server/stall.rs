//! Ends connections whose readers take nothing at all: their responses take memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long writes may get nowhere.
pub(super) struct Stall {
    timeout: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) fn after(timeout: Duration) -> Self {
        Self { timeout, until: None }
    }

    /// Takes note of what became of a write: one that has waited for too long has failed.
    pub(super) fn check<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(self.timeout)));
        match until.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                metrics::counter!("labelcast_stalled_answers_total").increment(1);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}
