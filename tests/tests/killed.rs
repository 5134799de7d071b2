//! `kill -9` at any moment loses nothing that was accepted (promise 1).

use labelcast_tests::{Server, picture};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

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
    let (_, history) = server.get("/api/history/labels?limit=1000", &token).await;
    let seqs: Vec<u64> = history["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one: &Value| one["topics"][0]["seq"].as_u64())
        .collect();
    let expected: Vec<u64> = (1..=accepted.len() as u64).collect();
    assert_eq!(seqs, expected, "no holes, no doubles (rule 6)");
}
