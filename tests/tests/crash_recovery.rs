//! `kill -9` at any moment loses nothing that was accepted (`docs/guarantees.md#nothing-accepted-is-lost`).

use labelcast_tests::{Server, picture};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

#[tokio::test]
async fn every_accepted_upload_gets_its_result_despite_repeated_kills() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut accepted = Vec::new();
    let mut number = 0;
    for _ in 0..6 {
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
        // Earlier results are in the upload's state, later ones arrive on the socket.
        loop {
            let (_, state) = server.get(&format!("/api/uploads/{upload}"), &token).await;
            match state["state"].as_str() {
                Some("labelled") => break,
                Some("pending" | "received") => drop(socket.frame().await),
                other => panic!("{upload}: {other:?} {:?}", state["reason"]),
            }
        }
    }
    assert_eq!(server.command(&["dead", "list"]).await, "", "being killed costs nobody an upload");
    let (_, all) = server.get("/api/images?limit=200", &token).await;
    assert_eq!(all["images"].as_array().map(Vec::len), Some(accepted.len()));
    // Stored results are notified: replayed, or live if `notify` had not handled them yet.
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
    assert_eq!(seqs, expected, "no holes, no doubles");
}

#[tokio::test]
async fn a_clean_shutdown_leaves_one_database_file_and_no_suspects() {
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    for number in 0..4 {
        server.upload(&token, "image/jpeg", picture::jpeg(number)).await;
    }
    server.signal("TERM").await;
    assert_eq!(server.ended().await.code(), Some(0));
    let log = std::fs::metadata(server.directory().join("labelcast.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0, "the write-ahead log is emptied");
    let database = rusqlite::Connection::open(server.directory().join("labelcast.db")).unwrap();
    let suspects = "SELECT count(*) FROM work WHERE suspect IS NOT NULL OR attempts > 0";
    assert_eq!(database.query_row(suspects, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_second_signal_stops_the_server_at_once() {
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels"]).await;
    server.signal("TERM").await;
    // It waits for its clients to leave, and this one does not.
    assert_eq!(socket.frame().await["code"], "server_shutdown");
    server.signal("TERM").await;
    assert_eq!(server.ended().await.code(), Some(128 + 15));
    drop(socket);
}
