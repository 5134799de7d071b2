//! A stand-in for API Gateway's management API, which responds as configured.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use labelcast_aws::pusher::GatewayPusher;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What came, by connection, and what wakes the one that hangs.
#[derive(Clone, Default)]
pub struct Gateway {
    pub posts: Arc<Mutex<HashMap<String, Vec<Value>>>>,
    pub closed: Arc<Mutex<Vec<String>>>,
    reached: Arc<Notify>,
    /// How long each answer takes.
    delay: Duration,
}

/// `throttledN…` takes the N+1-th post, `interrupted` the second, `hanging` one after another connection was reached,
/// `goneN`,
/// `broken` and `stuck` none, and `stuck` cannot be closed.
async fn take(State(gateway): State<Gateway>, Path(connection): Path<String>, frame: String) -> Response {
    tokio::time::sleep(gateway.delay).await;
    let count = {
        let mut posts = gateway.posts.lock().expect("nothing panics with it");
        let came = posts.entry(connection.clone()).or_default();
        came.push(serde_json::from_str(&frame).expect("frames are JSON"));
        came.len()
    };
    let refused = |status, kind| (status, [("x-amzn-errortype", kind)], json!({"message": kind}).to_string());
    if let Some(times) = connection.strip_prefix("throttled") {
        if count <= times.parse().expect("a number") {
            return refused(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException").into_response();
        }
    } else if connection.starts_with("gone") {
        return refused(StatusCode::GONE, "GoneException").into_response();
    } else if ["broken", "stuck"].contains(&connection.as_str()) {
        return refused(StatusCode::FORBIDDEN, "ForbiddenException").into_response();
    } else if connection == "interrupted" && count == 1 {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    } else if connection == "hanging" {
        gateway.reached.notified().await;
    } else {
        gateway.reached.notify_one();
    }
    StatusCode::OK.into_response()
}

async fn close(State(gateway): State<Gateway>, Path(connection): Path<String>) -> StatusCode {
    if connection == "stuck" {
        return StatusCode::FORBIDDEN;
    }
    gateway.closed.lock().expect("nothing panics with it").push(connection);
    StatusCode::NO_CONTENT
}

impl Gateway {
    /// Whose answers take so long.
    pub fn with_delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// What posts to it.
    pub async fn pusher(&self) -> GatewayPusher {
        let router = Router::new().route("/live/@connections/{id}", post(take).delete(close)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}/live", listener.local_addr().expect("it listens"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        GatewayPusher::new(&labelcast_tests::aws::client_config(&endpoint).await, endpoint)
    }

    /// The numbers of what was posted to a connection, in order.
    pub fn came_to(&self, connection: &str) -> Vec<u64> {
        let posts = self.posts.lock().expect("nothing panics with it");
        let came = posts.get(connection).into_iter().flatten();
        came.map(|frame| frame["number"].as_u64().expect("a number")).collect()
    }
}
