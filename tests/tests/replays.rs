//! Many clients resume at once; each gets everything it missed, in bounded memory.

use futures_util::future::join_all;
use labelcast_tests::Server;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The largest that may be published, about.
const TEXT: usize = 24_000;

async fn publish(server: &Server, key: &str, topic: &str, count: usize) {
    for first in (0..count).step_by(20) {
        let some = (first..count.min(first + 20)).map(async |number| {
            let body = json!({"event": "test", "data": {"number": number, "text": "x".repeat(TEXT)}});
            let request = server.request(Method::POST, &format!("/api/topics/{topic}")).header("x-api-key", key);
            assert_eq!(request.json(&body).send().await.unwrap().status(), StatusCode::ACCEPTED);
        });
        join_all(some).await;
    }
}

/// A cursor before everything: of the topic's life, at its beginning.
async fn prefix(server: &Server, token: &str, topic: &str) -> String {
    let (_, page) = server.get(&format!("/api/history/{topic}?limit=1"), token).await;
    let first =
        page["notifications"][0]["topics"][0]["cursor"].as_str().unwrap_or_else(|| page["cursor"].as_str().unwrap());
    let (epoch, _) = first.rsplit_once(|separator: char| !separator.is_ascii_alphanumeric()).unwrap();
    let separator = &first[epoch.len()..=epoch.len()];
    format!("{epoch}{separator}0")
}

/// 100 clients x 100 notifications x 24 KB are 240 MB, and several times that as parsed JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_each_resume_a_hundred_large_notifications_in_bounded_memory() {
    const CLIENTS: usize = 100;
    const COUNT: usize = 100;
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let key = server.command(&["keys", "add", "test", "--allow", "publish:app:test"]).await;
    publish(&server, &key, "app:test", COUNT).await;
    let since = prefix(&server, &token, "app:test").await;
    let before = server.peak_memory();
    let clients = (0..CLIENTS).map(|_| {
        let (address, token, since) = (server.address().to_owned(), token.clone(), since.clone());
        tokio::spawn(async move {
            let mut socket = labelcast_tests::Socket::open(&address, &token).await.unwrap();
            let request = json!({"action": "subscribe", "topics": ["app:test"], "since": {"app:test": since}});
            let (replayed, response) = socket.ask(request).await;
            assert_eq!(response["topics"][0]["recovered"], true, "{response}");
            let seqs: Vec<u64> = replayed.iter().map(|frame| frame["topics"][0]["seq"].as_u64().unwrap()).collect();
            assert!(seqs.iter().copied().eq(1..=COUNT as u64), "{seqs:?}");
        })
    });
    for client in join_all(clients).await {
        client.unwrap();
    }
    let more = server.peak_memory() - before;
    assert!(more < 96 << 20, "{} MiB more than before", more >> 20);
}

#[tokio::test]
async fn pages_of_history_are_bounded_in_bytes_and_together_complete() {
    const COUNT: usize = 120;
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let key = server.command(&["keys", "add", "test", "--allow", "publish:app:test"]).await;
    publish(&server, &key, "app:test", COUNT).await;
    let mut since = prefix(&server, &token, "app:test").await;
    let mut seqs: Vec<u64> = Vec::new();
    let mut pages = 0;
    loop {
        let path = format!("/api/history/app:test?limit=1000&since={since}");
        let response = server.request(Method::GET, &path).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = response.bytes().await.unwrap();
        assert!(body.len() < 1_100_000, "{} bytes", body.len());
        let page: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(page["recovered"], true);
        let cursor = page["cursor"].as_str().unwrap();
        if cursor == since {
            assert_eq!(page["notifications"], json!([]));
            break;
        }
        seqs.extend(
            page["notifications"].as_array().unwrap().iter().map(|one| one["topics"][0]["seq"].as_u64().unwrap()),
        );
        cursor.clone_into(&mut since);
        pages += 1;
    }
    assert!(seqs.iter().copied().eq(1..=COUNT as u64), "{seqs:?}");
    assert!(pages > 2, "{pages} pages");
}

#[tokio::test]
async fn a_multi_chunk_replay_of_several_topics_keeps_the_order_of_each() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let key = server.command(&["keys", "add", "test", "--allow", "publish:app:*"]).await;
    let topics = ["app:a", "app:b", "app:c"];
    for (topic, count) in topics.iter().zip([150, 3, 70]) {
        publish(&server, &key, topic, count).await;
    }
    let mut since = serde_json::Map::new();
    for topic in topics {
        since.insert(topic.to_owned(), json!(prefix(&server, &token, topic).await));
    }
    let mut socket = server.connect(&token).await;
    let (replayed, response) = socket.ask(json!({"action": "subscribe", "topics": topics, "since": since})).await;
    assert!(response["topics"].as_array().unwrap().iter().all(|topic| topic["recovered"] == true), "{response}");
    for (topic, count) in topics.iter().zip([150, 3, 70]) {
        let on_topic = replayed.iter().filter(|frame| frame["topics"][0]["topic"] == **topic);
        let seqs: Vec<u64> = on_topic.map(|frame| frame["topics"][0]["seq"].as_u64().unwrap()).collect();
        assert!(seqs.iter().copied().eq(1..=count), "{topic}: {seqs:?}");
    }
}
