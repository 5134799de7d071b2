//! The body of a form, read chunk by chunk.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// Maximum size before the file, in bytes: 20 KiB of fields, their headers, and the first chunk of the file.
const BEFORE_FILE: usize = 128 << 10;
/// How much of a refused form is drained, in bytes.
const READ_AFTER_REFUSAL: usize = 32 << 20;
/// How long the rest of a refused form is drained.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More came before the file than a form may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much before the file")]
pub(super) struct TooMuchBeforeFile;

/// A body that gives one piece each time its reader is woken. The reader of forms takes all that there is at once, and
/// would hold as much of a file in memory as a client cares to send.
pub(super) struct Paced<S = BodyDataStream> {
    stream: S,
    gave_one: bool,
    given: usize,
    in_file: Arc<AtomicBool>,
}

/// Notifies a body that its file has begun.
#[derive(Clone)]
pub(super) struct FileBegins(Arc<AtomicBool>);

impl FileBegins {
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S, E> Paced<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
    E: Send,
{
    pub(super) fn new(stream: S) -> Self {
        Self { stream, gave_one: false, given: 0, in_file: Arc::default() }
    }

    pub(super) fn file_begins(&self) -> FileBegins {
        FileBegins(self.in_file.clone())
    }

    /// Reads on for a while without keeping anything: a client that is cut off while it sends sees a broken connection
    /// instead of the response.
    pub(super) fn drain(mut self) {
        let read = async move {
            let mut left = READ_AFTER_REFUSAL;
            while let Some(Ok(piece)) = self.stream.next().await {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    break;
                }
            }
        };
        tokio::spawn(tokio::time::timeout(TIMEOUT, read));
    }
}

impl<S, E> Stream for Paced<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave_one) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(self.stream.poll_next_unpin(context));
        self.gave_one = true;
        if let Some(Ok(bytes)) = &piece {
            self.given = self.given.saturating_add(bytes.len());
            if self.given > BEFORE_FILE && !self.in_file.load(Ordering::Relaxed) {
                return Poll::Ready(Some(Err(TooMuchBeforeFile.into())));
            }
        }
        Poll::Ready(piece.map(|piece| piece.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::task::Waker;

    use super::*;

    fn endless() -> Paced<impl Stream<Item = Result<Bytes, io::Error>> + Unpin + Send + 'static> {
        Paced::new(futures_util::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 1024]))))
    }

    #[test]
    fn a_fast_reader_gets_the_file_in_one_chunk() {
        let mut body = endless();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(body.poll_next_unpin(&mut context).is_ready());
            assert!(body.poll_next_unpin(&mut context).is_pending());
        }
    }

    #[tokio::test]
    async fn fields_before_the_file_are_bounded_and_the_file_is_not() {
        let refused = endless().map(|piece| piece.is_err()).take_while(|refused| std::future::ready(!refused));
        assert_eq!(refused.count().await, BEFORE_FILE / 1024);
        let body = endless();
        body.file_begins().now();
        assert!(body.take(1000).all(|piece| std::future::ready(piece.is_ok())).await);
    }
}
