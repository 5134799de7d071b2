//! Every response and frame conforms to the contracts, and everything in the contracts occurs.

mod bounds;
mod documents;
mod examples;
mod live;
mod rest;

use labelcast_tests::Server;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A contract as it is served.
async fn document(server: &Server, name: &str) -> Value {
    let response = server.request(Method::GET, &format!("/api/{name}")).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    response.json().await.unwrap()
}
