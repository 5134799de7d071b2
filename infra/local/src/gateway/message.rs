//! A message from a client: brought to its route, whose answer is the frame.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::encodings::Body;
use bytes::Bytes;
use labelcast_functions::live::Admission;
use serde_json::Value;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::event::Origin;
use super::{Gateway, Routes, frame, limits};

/// Routes that are matched exactly; everything else is `$default`.
const ROUTES: [&str; 5] = ["subscribe", "unsubscribe", "set_notify_list", "refresh", "ping"];

/// `$request.body.action`, compared exactly.
fn route_of(text: &str) -> &'static str {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let action = body.as_ref().and_then(|body| body.get("action")).and_then(Value::as_str);
    action.and_then(|action| ROUTES.into_iter().find(|route| *route == action)).unwrap_or("$default")
}

/// Brings a message to its route; what the route answers is the frame.
pub(super) async fn handle(
    gateway: Gateway,
    routes: Arc<dyn Routes>,
    origin: Arc<Origin>,
    text: String,
) -> Option<Bytes> {
    metrics::counter!("labelcast_messages_total").increment(1);
    if let Admission::Refused(answer) = routes.admit(&origin.id).await {
        return answer.map(|text| frame::text(text.as_bytes()));
    }
    let request = gateway.request_id();
    let event = origin.message(route_of(&text), &text, &request, gateway.shared.clock.now());
    // In a task of its own: a panic ends the message, not the connection.
    let handled = AbortOnDropHandle::new(tokio::spawn(async move { routes.message(event).await }));
    let answer = match in_time(&gateway, &origin, handled).await {
        Some(Ok(answer)) => match answer.body {
            Some(Body::Text(text)) => Some(frame::text(text.as_bytes())),
            _ => None,
        },
        Some(Err(_)) | None => {
            metrics::counter!("labelcast_messages_failed_total").increment(1);
            tracing::error!(connection = %origin.id, request, "a message could not be handled");
            // Word for word and blank for blank what API Gateway sends.
            let text = format!(
                "{{\"message\": \"Internal server error\", \"connectionId\":\"{}\", \"requestId\":\"{request}\"}}",
                origin.id
            );
            Some(frame::text(text.as_bytes()))
        }
    };
    let unended = gateway.rows().is_replaying(&origin.id);
    match gateway.socket(&origin.id).filter(|_| unended) {
        None => answer,
        Some(socket) => {
            // Nobody would end the replay, and what is notified would pass the subscription over for good.
            metrics::counter!("labelcast_replays_abandoned_total").increment(1);
            tracing::warn!(connection = %origin.id, "a replay was not ended; its connection is closed and can resume");
            if let Some(answer) = answer {
                socket.queue(answer);
            }
            socket.close(None, 1011, "the replay could not be ended; connect again and resume");
            None
        }
    }
}

/// Waits for a message to be handled; `None` after [`limits::MESSAGE_TIME`]. A replay has no deadline: it waits for its turn
/// among the others and for a link that may be slow, and what it posts is given up after the same time without progress.
async fn in_time(
    gateway: &Gateway,
    origin: &Origin,
    mut handled: AbortOnDropHandle<ApiGatewayProxyResponse>,
) -> Option<Result<ApiGatewayProxyResponse, JoinError>> {
    loop {
        match tokio::time::timeout(limits::MESSAGE_TIME, &mut handled).await {
            Ok(handled) => return Some(handled),
            Err(_) if gateway.rows().is_replaying(&origin.id) => {}
            Err(_) => return None,
        }
    }
}
