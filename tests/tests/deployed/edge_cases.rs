//! Edge cases: duplicate and late events, repeated requests.

use chrono::{DateTime, Utc};
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::Connections;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::live::{key, numbers, publish};
use crate::operator::{Operator, sample};
use crate::stack::{Stack, unique};

/// As API Gateway reports a connection; the emulator does not report when it was opened once it is closed.
fn notified(mut event: Value, id: &str, at: DateTime<Utc>) -> Value {
    let expires_at = (Utc::now().timestamp() + 600).to_string();
    event["requestContext"]["connectionId"] = json!(id);
    event["requestContext"]["connectedAt"] = json!(at.timestamp_millis());
    event["requestContext"]["authorizer"] =
        json!({"user": "ann", "username": "ann", "groups": "[]", "expires_at": expires_at});
    event
}

#[tokio::test]
async fn a_late_disconnect_removes_only_its_own_connection() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let id = format!("c{}", rand::random::<u32>());
    let (first, second) = (Utc::now() - chrono::TimeDelta::minutes(1), Utc::now());
    let (connect, disconnect) = (sample!("websocket-connect.json"), sample!("websocket-disconnect.json"));
    for at in [first, second] {
        let response = operator.call("connect", &notified(connect.clone(), &id, at)).await;
        assert_eq!(response["statusCode"], 200, "{response}");
    }
    let rows = operator.connections(Utc::now());
    let known: ConnectionId = id.parse().unwrap();
    operator.call("disconnect", &notified(disconnect.clone(), &id, first)).await;
    let left = rows.get(&known).await.unwrap().expect("it is the second one's");
    assert_eq!(left.connected_at.timestamp_millis(), second.timestamp_millis());
    operator.call("disconnect", &notified(disconnect, &id, second)).await;
    assert!(rows.get(&known).await.unwrap().is_none());
}

#[tokio::test]
async fn a_forgotten_connection_is_closed() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let mut socket = stack.connect("viewer").await;
    let id = socket.ask(json!({"action": "ping"})).await.1["connection_id"].as_str().unwrap().to_owned();
    operator.delete("LiveTableName", &format!("connection#{id}"), "connection").await;
    socket.send(json!({"action": "ping"}).to_string()).await;
    assert!(socket.ends().await);
}

#[tokio::test]
async fn the_next_notification_closes_a_connection_whose_replay_never_completed() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let key = key(&stack).await;
    let topic = format!("app:t{}", rand::random::<u32>());
    let mut socket = stack.connect("viewer").await;
    socket.subscribe(&[&topic]).await;
    let id = socket.ask(json!({"action": "ping"})).await.1["connection_id"].as_str().unwrap().to_owned();
    operator.let_lease_end(&id.parse().unwrap(), &topic).await;
    publish(&stack, &key, &topic, 1).await;
    assert!(socket.ends().await);
}

#[tokio::test]
async fn an_unsubscribed_client_receives_nothing_more() {
    let stack = Stack::deployed();
    let key = key(&stack).await;
    let topics = [format!("app:t{}", rand::random::<u32>()), format!("app:t{}", rand::random::<u32>())];
    let mut socket = stack.connect("viewer").await;
    socket.subscribe(&[&topics[0], &topics[1]]).await;
    let (_, response) = socket.ask(json!({"action": "unsubscribe", "topics": [topics[0]]})).await;
    assert_eq!(response["type"], "unsubscribed", "{response}");
    publish(&stack, &key, &topics[0], 1).await;
    publish(&stack, &key, &topics[1], 2).await;
    assert_eq!(numbers(&mut socket, 1).await, [2]);
}

#[tokio::test]
async fn a_request_with_the_same_idempotency_key_is_published_once() {
    let stack = Stack::deployed();
    let secret = key(&stack).await;
    let run = rand::random::<u32>();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body = json!({"event": "build.done", "data": {"number": 1}});
        let request = stack.request(Method::POST, &format!("/topics/app:t{run}")).header("x-api-key", &secret);
        let response = request.header("idempotency-key", format!("build {run}")).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        ids.push(response.json::<Value>().await.unwrap()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_history_of_an_unused_topic_is_empty() {
    let stack = Stack::deployed();
    let (status, history) = stack.get(&format!("/history/app:t{}", rand::random::<u32>()), "viewer").await;
    assert_eq!((status, &history["notifications"]), (StatusCode::OK, &json!([])), "{history}");
}

#[tokio::test]
async fn programs_and_people_can_search_in_other_languages() {
    let stack = Stack::deployed();
    let key = key(&stack).await;
    let request = stack.request(Method::GET, "/search?label=nothing").header("x-api-key", key).send().await.unwrap();
    assert_eq!(request.status(), StatusCode::OK);
    let (status, found) = stack.get("/images?q=hond&language=nl", "viewer").await;
    assert_eq!(status, StatusCode::OK, "{found}");
}

/// S3 reports an object at least once.
#[tokio::test]
async fn a_repeated_object_event_changes_nothing() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let mut uploader = stack.connect("viewer").await;
    uploader.subscribe(&["uploads"]).await;
    let no_picture = format!("no picture {}", rand::random::<u32>()).into_bytes();
    for (kind, bytes, event, state) in [
        ("image/png", unique("again"), "image.labelled", "labelled"),
        ("image/jpeg", no_picture, "upload.rejected", "rejected"),
    ] {
        let upload = stack.upload("viewer", kind, bytes).await;
        while uploader.notification(event).await["data"]["upload_id"] != json!(upload) {}
        let mut again = sample!("s3-post.json");
        again["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{upload}"));
        operator.call("ingest", &again).await;
        assert_eq!(stack.get(&format!("/uploads/{upload}"), "viewer").await.1["state"], state);
    }
}
