//! Request bodies with a deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use tower_http::timeout::{DeadlineBody, TimeoutBody};

use super::timeouts::Timeouts;
use super::unauthenticated::Ticket;

/// A request's body within the time that its sender has.
pub(super) fn in_time(body: Incoming, timeouts: Timeouts, ticket: Arc<Ticket>) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let body = Body::new(DeadlineBody::new(timeouts.body, TimeoutBody::new(timeouts.piece, body)));
    Body::new(UntilAdmitted { body, ticket, deadline: Box::pin(sleep(timeouts.unauthenticated)) })
}

/// Ends a body that goes on although nothing good was shown yet.
struct UntilAdmitted {
    body: Body,
    ticket: Arc<Ticket>,
    deadline: Pin<Box<Sleep>>,
}

/// It took too long to show anything good.
#[derive(Debug, thiserror::Error)]
#[error("the body of an unauthenticated request took too long")]
struct TooSlow;

impl HttpBody for UntilAdmitted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if !this.ticket.is_admitted() && this.deadline.as_mut().poll(context).is_ready() {
            metrics::counter!("labelcast_slow_bodies_total").increment(1);
            return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
        }
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
