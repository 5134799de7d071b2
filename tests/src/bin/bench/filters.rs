//! Ten thousand connections that each have their own filter: what an upload costs follows how many it matches.

use std::time::Duration;

use futures_util::future::join_all;
use labelcast_tests::{Socket, picture, uploads};
use serde_json::json;

use crate::process::Measured;

const CONNECTIONS: usize = 10_000;
/// Connections whose filters have a word in common.
const GROUP: usize = 100;
const UPLOADS: u8 = 60;

/// Measures a server's CPU per upload, with few connections and with many.
pub async fn run() {
    println!("| connections, each with its own filter | matches | server CPU ms per upload |\n| --- | --- | --- |");
    for connections in [GROUP, CONNECTIONS] {
        let server = Measured::labelcast().await;
        let mut sockets = Vec::new();
        for first in (0..connections).step_by(50) {
            sockets.extend(join_all((first..first + 50).map(|number| subscribe(&server, number))).await);
        }
        // What the connections themselves left to do is done before anything is measured.
        uploads_with(&server, "nobody", 4, &mut sockets, 0).await;
        let matches = [("nobody", 0), ("own0", 1), ("group0", GROUP), ("everyone", connections)];
        for (round, (keyword, matches)) in matches.into_iter().enumerate() {
            if matches == connections && connections == GROUP {
                continue;
            }
            let round = u8::try_from(round).unwrap_or_default();
            let cpu = uploads_with(&server, keyword, round, &mut sockets, matches).await;
            println!("| {connections} | {matches} | {cpu:.2} |");
        }
    }
}

/// Only this connection's filter has the first word; a hundred have the second; all have the third.
async fn subscribe(server: &Measured, number: usize) -> Socket {
    let mut socket = Socket::open(&server.address, &server.token).await.expect("a connection");
    let filter = format!("own{number} OR group{} OR everyone", number / GROUP);
    let (_, response) = socket.ask(json!({"action": "subscribe", "topics": ["labels"], "filter": filter})).await;
    assert_eq!(response["type"], "subscribed", "{response}");
    socket
}

/// Uploads pictures that differ in colour; each has been read by all that it matches before the next begins.
async fn uploads_with(server: &Measured, keyword: &str, round: u8, sockets: &mut [Socket], matches: usize) -> f64 {
    let before = server.cpu();
    let mut uploader = Socket::open(&server.address, &server.token).await.expect("a connection");
    uploader.subscribe(&["uploads"]).await;
    for number in 0..UPLOADS {
        let picture = picture::with_keywords(keyword, [number * 4, round * 50, 90]);
        uploads::upload(&server.address, &server.token, "image/png", picture).await;
        let reported = async {
            uploader.notification("image.labelled").await;
            for socket in &mut sockets[..matches] {
                socket.notification("image.labelled").await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reported).await.expect("all are reported");
    }
    (server.cpu() - before) * 1e3 / f64::from(UPLOADS)
}
