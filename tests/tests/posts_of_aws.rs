//! Posts to open sockets, held against a stand-in for API Gateway's management API that answers as it is told: the emulator
//! never throttles, and none of its posts hangs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use labelcast_aws::pusher::GatewayPusher;
use labelcast_functions::ports::{Frame, Pushed, Pusher, Unreached};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What came, by connection, and what wakes the one that hangs.
#[derive(Clone, Default)]
struct Gateway {
    posts: Arc<Mutex<HashMap<String, Vec<Value>>>>,
    closed: Arc<Mutex<Vec<String>>>,
    reached: Arc<Notify>,
}

/// `throttledN` takes the N+1-th post, `interrupted` the second, `hanging` one after another connection was reached, `gone` and
/// `broken` none.
async fn take(State(gateway): State<Gateway>, Path(connection): Path<String>, frame: String) -> Response {
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
    } else if connection == "gone" {
        return refused(StatusCode::GONE, "GoneException").into_response();
    } else if connection == "broken" {
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
    gateway.closed.lock().expect("nothing panics with it").push(connection);
    StatusCode::NO_CONTENT
}

async fn pusher() -> (GatewayPusher, Gateway) {
    let gateway = Gateway::default();
    let router = Router::new().route("/live/@connections/{id}", post(take).delete(close)).with_state(gateway.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}/live", listener.local_addr().expect("it listens"));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    let config = labelcast_tests::aws::client_config(&endpoint).await;
    (GatewayPusher::new(&config, endpoint), gateway)
}

fn frame(number: u32, to: &[&str]) -> Pushed {
    let frame = Frame::encode(&json!({ "number": number })).expect("it is small");
    Pushed { frame, to: to.iter().map(|id| id.parse().expect("a plain word is a connection id")).collect() }
}

fn came_to(gateway: &Gateway, connection: &str) -> Vec<u64> {
    let posts = gateway.posts.lock().expect("nothing panics with it");
    posts[connection].iter().map(|frame| frame["number"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn a_post_that_hangs_holds_up_none_of_the_others() {
    let (pusher, _) = pusher().await;
    // It ends only because the other one is reached meanwhile.
    assert_eq!(pusher.push(vec![frame(1, &["hanging", "other"])]).await, []);
}

#[tokio::test]
async fn who_is_throttled_is_tried_again_and_gets_what_follows_in_order() {
    let (pusher, gateway) = pusher().await;
    let pushed = vec![frame(1, &["throttled3", "other"]), frame(2, &["throttled3", "other"])];
    assert_eq!(pusher.push(pushed).await, []);
    assert_eq!(came_to(&gateway, "throttled3"), [1, 1, 1, 1, 2]);
    assert_eq!(came_to(&gateway, "other"), [1, 2]);
}

#[tokio::test]
async fn who_stays_throttled_is_closed_and_named_so_that_he_resumes() {
    let (pusher, gateway) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["throttled4"]), frame(2, &["throttled4"])]).await;
    assert_eq!(unreached, [("throttled4".parse().unwrap(), Unreached::Failed)]);
    assert_eq!(came_to(&gateway, "throttled4"), [1; 4], "nothing comes after what is missing");
    assert_eq!(*gateway.closed.lock().unwrap(), ["throttled4"]);
}

#[tokio::test]
async fn a_post_that_was_interrupted_is_made_again() {
    let (pusher, gateway) = pusher().await;
    assert_eq!(pusher.push(vec![frame(1, &["interrupted"]), frame(2, &["interrupted"])]).await, []);
    assert_eq!(came_to(&gateway, "interrupted"), [1, 1, 2]);
}

#[tokio::test]
async fn who_is_gone_is_named_and_not_asked_again() {
    let (pusher, gateway) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["gone", "other"]), frame(2, &["gone"])]).await;
    assert_eq!(unreached, [("gone".parse().unwrap(), Unreached::Gone)]);
    assert_eq!((came_to(&gateway, "gone"), came_to(&gateway, "other")), (vec![1], vec![1]));
    assert!(gateway.closed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_cannot_be_posted_to_for_another_reason_is_closed() {
    let (pusher, gateway) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["broken"])]).await;
    assert_eq!(unreached, [("broken".parse().unwrap(), Unreached::Failed)]);
    assert_eq!(*gateway.closed.lock().unwrap(), ["broken"]);
}
