//! A message from a client: brought to the function, whose response is the frame to respond with.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use labelcast_functions::limits::MESSAGE_TIMEOUT;
use labelcast_functions::live::Admission;

use super::peer::Peer;
use super::{Gateway, Routes, frame};

/// Has a message handled; what comes back is the frame to respond with.
pub(super) async fn handle(gateway: Gateway, routes: Arc<dyn Routes>, peer: Arc<Peer>, text: String) -> Option<Bytes> {
    metrics::counter!("labelcast_messages_total").increment(1);
    let connection = match routes.admit(&peer.id).await {
        Admission::Admitted(connection) => connection,
        Admission::Refused(response) => return response.map(|text| frame::text(text.as_bytes())),
    };
    // A panic ends the message, not the connection.
    let handled = AssertUnwindSafe(routes.message(&connection, &text)).catch_unwind();
    let response = match in_time(&gateway, &peer, pin!(handled)).await {
        Some(Ok(response)) => response.map(|text| frame::text(text.as_bytes())),
        Some(Err(_)) | None => {
            let request = gateway.request_id();
            metrics::counter!("labelcast_messages_failed_total").increment(1);
            tracing::error!(connection = %peer.id, request, "a message could not be handled");
            // Word for word and blank for blank what API Gateway sends.
            let text = format!(
                "{{\"message\": \"Internal server error\", \"connectionId\":\"{}\", \"requestId\":\"{request}\"}}",
                peer.id
            );
            Some(frame::text(text.as_bytes()))
        }
    };
    let unended = gateway.rows().is_replaying(&peer.id);
    match gateway.socket(&peer.id).filter(|_| unended) {
        None => response,
        Some(socket) => {
            // Nobody would end the replay, and what is notified would pass the subscription over for good.
            metrics::counter!("labelcast_replays_unfinished_total").increment(1);
            tracing::warn!(connection = %peer.id, "a replay could not be completed; closed its connection, which can resume");
            if let Some(response) = response {
                socket.queue(response);
            }
            socket.close(None, 1011, "the replay could not be completed; reconnect and resume");
            None
        }
    }
}

/// Waits for a message to be handled; `None` after [`MESSAGE_TIMEOUT`]. A replay has no deadline: it waits for its turn
/// among the others and for a link that may be slow, and what it posts times out after the same time without progress.
async fn in_time<T>(gateway: &Gateway, peer: &Peer, mut handled: impl Future<Output = T> + Unpin) -> Option<T> {
    loop {
        match tokio::time::timeout(MESSAGE_TIMEOUT, &mut handled).await {
            Ok(handled) => return Some(handled),
            Err(_) if gateway.rows().is_replaying(&peer.id) => {}
            Err(_) => return None,
        }
    }
}
