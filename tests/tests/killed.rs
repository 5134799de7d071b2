//! `kill -9` at any moment loses nothing that was accepted (promise 1).

use labelcast_tests::{Server, picture};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

#[tokio::test]
async fn every_accepted_upload_gets_its_result_however_often_the_server_is_killed() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut accepted = Vec::new();
    let mut number = 0;
    for _ in 0..4 {
        for _ in 0..random.random_range(1..6) {
            number += 1;
            accepted.push(server.upload(&token, "image/jpeg", picture::jpeg(number)).await);
        }
        // As soon as the last one is answered: its steps are under way.
        server.kill_and_restart().await;
    }
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    for upload in &accepted {
        // What was told before the socket opened is in the state, what comes after is told.
        loop {
            let (_, state) = server.get(&format!("/api/uploads/{upload}"), &token).await;
            match state["state"].as_str() {
                Some("labelled") => break,
                Some("pending" | "received") => drop(socket.frame().await),
                other => panic!("{upload}: {other:?} {:?}", state["reason"]),
            }
        }
    }
    let (_, all) = server.get("/api/images?limit=200", &token).await;
    assert_eq!(all["images"].as_array().map(Vec::len), Some(accepted.len()));
    // What is stored is told of: replayed, or live if `notify` had not come to it yet.
    let (_, head) = server.get("/api/history/labels", &token).await;
    let (epoch, _) = head["cursor"].as_str().unwrap().split_once('-').unwrap();
    let since = format!("{epoch}-0");
    let ask = json!({"action": "subscribe", "topics": ["labels"], "since": {"labels": since}, "ref": "all"});
    socket.send(ask.to_string()).await;
    let mut seqs = Vec::new();
    while seqs.len() < accepted.len() {
        let frame = socket.frame().await;
        let topics = frame["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let labels = topics.iter().filter(|topic| frame["type"] == "notification" && topic["topic"] == "labels");
        seqs.extend(labels.filter_map(|topic| topic["seq"].as_u64()));
    }
    let expected: Vec<u64> = (1..=accepted.len() as u64).collect();
    assert_eq!(seqs, expected, "no holes, no doubles (rule 6)");
}
