//! The rules behind the promises, tested from the outside where no unit test covers them.

mod audit;
mod directory;
mod metrics;
mod outages;
mod pictures;
mod revoked;
mod rights;
mod settings;
mod subscriptions;
mod tls;

use labelcast_tests::Server;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Publishes; returns the status.
async fn publish(server: &Server, key: &str, topic: &str, data: Value) -> StatusCode {
    let request = server.request(Method::POST, &format!("/api/topics/{topic}")).header("x-api-key", key);
    request.json(&json!({"event": "e", "data": data})).send().await.unwrap().status()
}
