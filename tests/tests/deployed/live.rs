//! Sockets: publishing, resuming, and invalid frames.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use aws_sdk_dynamodb::Client;
use labelcast_aws::dynamodb::{DynamoKeys, Shards, Table};
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::ApiKey;
use labelcast_tests::Socket;
use labelcast_tests::aws::client_config;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stack::Stack;

async fn dynamodb(stack: &Stack) -> Client {
    Client::new(&client_config(stack.output("Endpoint")).await)
}

/// Gives a program a key, as an operator does.
pub async fn key(stack: &Stack) -> String {
    let secret = format!("{:032x}", rand::random::<u128>());
    let table = Table::new(dynamodb(stack).await, stack.output("ProgramsTableName"), "the table of programs");
    let key = ApiKey {
        name: "builds".parse().unwrap(),
        scopes: ["publish:app:*", "search"].map(|scope| scope.parse().unwrap()).into(),
    };
    let sha256 = digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
    DynamoKeys::new(table).add(&key, &sha256).await.unwrap();
    secret
}

pub async fn publish(stack: &Stack, key: &str, topic: &str, number: u32) -> (StatusCode, Value) {
    let body = json!({"event": "build.done", "data": {"number": number}});
    let request = stack.request(Method::POST, &format!("/topics/{topic}")).header("x-api-key", key).json(&body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

pub async fn numbers(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(socket.notification("build.done").await["data"]["number"].as_u64().unwrap());
    }
    numbers
}

#[tokio::test]
async fn a_published_notification_reaches_its_subscribers() {
    let stack = Stack::deployed();
    let key = key(&stack).await;
    let topic = format!("app:t{}", rand::random::<u32>());
    let mut sockets = [stack.connect("viewer").await, stack.connect("other").await];
    for socket in &mut sockets {
        socket.subscribe(&[&topic]).await;
    }
    let (status, response) = publish(&stack, &key, &topic, 7).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{response}");
    for socket in &mut sockets {
        assert_eq!(numbers(socket, 1).await, [7]);
    }
    assert_eq!(publish(&stack, "no key", &topic, 8).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_returning_client_gets_what_it_missed() {
    let stack = Stack::deployed();
    let key = key(&stack).await;
    let topic = format!("app:t{}", rand::random::<u32>());
    let mut socket = stack.connect("viewer").await;
    let cursor = socket.subscribe(&[&topic]).await["topics"][0]["cursor"].clone();
    drop(socket);
    let mut watching = stack.connect("other").await;
    watching.subscribe(&[&topic]).await;
    for number in 1..=3 {
        assert_eq!(publish(&stack, &key, &topic, number).await.0, StatusCode::ACCEPTED);
        assert_eq!(numbers(&mut watching, 1).await, [u64::from(number)]);
    }
    let mut back = stack.connect("viewer").await;
    let (replayed, response) =
        back.ask(json!({"action": "subscribe", "topics": [topic], "since": {topic.clone(): cursor}})).await;
    let replayed: Vec<u64> = replayed.iter().filter_map(|frame| frame["data"]["number"].as_u64()).collect();
    assert_eq!((replayed, &response["topics"][0]["recovered"]), (vec![1, 2, 3], &json!(true)), "{response}");
    publish(&stack, &key, &topic, 4).await;
    assert_eq!(numbers(&mut back, 1).await, [4], "and then it is live");
    let (status, history) = stack.get(&format!("/history/{topic}"), "viewer").await;
    assert_eq!((status, history["notifications"].as_array().map(Vec::len)), (StatusCode::OK, Some(4)), "{history}");
}

/// Ranges of connections, as `infra/config.yml` sets them. At this stage one run of `notify` serves three receivers, so that
/// one in the first range is enough for a notification to be partitioned.
const RANGES: u32 = 4;

#[tokio::test]
async fn a_partitioned_notification_reaches_every_socket_once() {
    let stack = Stack::deployed();
    let key = key(&stack).await;
    let topic = format!("app:t{}", rand::random::<u32>());
    let shards = Shards::new(RANGES).unwrap();
    let (mut sockets, mut reached) = (Vec::new(), BTreeSet::new());
    let mut cursor = Value::Null;
    while sockets.len() < 6 || !reached.contains(&0) {
        let mut socket = stack.connect("viewer").await;
        cursor = socket.subscribe(&[&topic]).await["topics"][0]["cursor"].clone();
        let (_, pong) = socket.ask(json!({"action": "ping"})).await;
        let id: ConnectionId = pong["connection_id"].as_str().unwrap().parse().unwrap();
        reached.insert(shards.of(&id));
        sockets.push(socket);
    }
    for number in 1..=2 {
        let (status, response) = publish(&stack, &key, &topic, number).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{response}");
        for socket in &mut sockets {
            let frame = socket.notification("build.done").await;
            let seq = &frame["topics"][0]["seq"];
            assert_eq!((&frame["data"]["number"], seq), (&json!(number), &json!(number)));
        }
    }
    for socket in &mut sockets {
        let (before, pong) = socket.ask(json!({"action": "ping"})).await;
        assert_eq!((before, &pong["type"]), (Vec::new(), &json!("pong")), "once each");
    }
    let mut back = stack.connect("other").await;
    let (replayed, response) =
        back.ask(json!({"action": "subscribe", "topics": [topic], "since": {topic.clone(): cursor}})).await;
    let replayed: Vec<u64> = replayed.iter().filter_map(|frame| frame["data"]["number"].as_u64()).collect();
    assert_eq!((replayed, &response["topics"][0]["recovered"]), (vec![1, 2], &json!(true)), "{response}");
}

#[tokio::test]
async fn a_malformed_frame_gets_an_error_and_the_socket_stays_open() {
    let stack = Stack::deployed();
    let mut socket = stack.connect("viewer").await;
    socket.send("no json").await;
    assert_eq!(socket.frame().await["type"], "error");
    let (_, refused) = socket.ask(json!({"action": "subscribe", "topics": ["moderation"]})).await;
    assert_eq!(refused["code"], "forbidden", "{refused}");
    let (_, unknown) = socket.ask(json!({"action": "dance"})).await;
    assert_eq!(unknown["code"], "unknown_action", "{unknown}");
    let (_, pong) = socket.ask(json!({"action": "ping", "ref": "5"})).await;
    assert_eq!((&pong["type"], &pong["ref"]), (&json!("pong"), &json!("5")));
}
