//! `upload`: several files at once, each with its own end.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::frames::{image, notification, response};
use crate::running::{Running, text};
use crate::server::{Server, send};

/// Files that begin as JPEG does.
pub fn pictures(names: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let paths = names.iter().map(|name| {
        let path = directory.path().join(name);
        std::fs::write(&path, b"\xff\xd8\xff\xe0\0\x10JFIF\0 pixels").unwrap();
        path.to_str().unwrap().to_owned()
    });
    let paths = paths.collect();
    (directory, paths)
}

#[tokio::test]
async fn an_upload_prints_labels_as_they_arrive_and_fails_if_a_picture_was_rejected() {
    let server = Server::start().await;
    let (_directory, paths) = pictures(&["cat.jpg", "bad.jpg"]);
    let mut upload = Running::start(server.labelcast(&["upload", &paths[0], &paths[1]]));
    let (mut socket, request) = server.subscribed(&[], response("uploads", false, 0)).await;
    assert_eq!(request, json!({"action": "subscribe", "topics": ["uploads"]}));
    server.posted(2).await;
    let labelled = json!({"upload_id": "cat", "image": image(&"ab".repeat(32))});
    send(&mut socket, &notification("1", "uploads", 1, "image.labelled", &labelled)).await;
    // Before the other has a result.
    assert_eq!(upload.line().await, format!("{}: dog 98.2, grass 91.0", paths[0]));
    let rejected = json!({"upload_id": "bad", "reason": "it is cut off"});
    send(&mut socket, &notification("2", "uploads", 2, "upload.rejected", &rejected)).await;
    upload.reports("bad.jpg: it is cut off").await;
    upload.reports("1 of 2 files were not labelled").await;
    assert_eq!(upload.child.wait().await.unwrap().code(), Some(1));
    let posted = server.posted(2).await;
    let body = String::from_utf8_lossy(&posted[0]);
    let place = |name: &str| body.find(&format!("name=\"{name}\"")).unwrap();
    assert!(place("key") < place("file") && place("policy") < place("file"), "the file comes last");
}

#[tokio::test]
async fn an_upload_polls_for_results_when_the_socket_breaks() {
    let server = Server::start().await;
    let (_directory, paths) = pictures(&["cat.jpg"]);
    let upload = server.run(&["upload", "--json", &paths[0]]);
    drop(server.subscribed(&[], response("uploads", false, 0)).await);
    let output = upload.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({"file": paths[0], "upload_id": "cat", "state": "labelled", "image": image(&"ab".repeat(32))});
    assert_eq!(record, expected);
}

#[tokio::test]
async fn files_that_cannot_be_sent_are_reported_and_do_not_stop_the_others() {
    let server = Server::start().await;
    let (directory, mut paths) = pictures(&["refused.jpg", "cat.jpg"]);
    let notes = directory.path().join("notes.jpg");
    std::fs::write(&notes, "hello").unwrap();
    paths.push(notes.to_str().unwrap().to_owned());
    paths.push(directory.path().join("missing.jpg").to_str().unwrap().to_owned());
    paths.push(directory.path().to_str().unwrap().to_owned());
    let arguments: Vec<&str> = ["upload", "--json"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let upload = server.run(&arguments);
    let (mut socket, _) = server.subscribed(&[], response("uploads", false, 0)).await;
    server.posted(1).await;
    let labelled = json!({"upload_id": "cat", "image": image(&"ab".repeat(32))});
    send(&mut socket, &notification("1", "uploads", 1, "image.labelled", &labelled)).await;
    let output = upload.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout).lines();
    let records: HashMap<String, Value> = lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|record| (record["file"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(records.len(), paths.len());
    let reason = |file: &str| records[file]["reason"].as_str().unwrap_or("none").to_owned();
    assert_eq!(reason(&paths[0]), "it is too large");
    assert_eq!(records[&paths[1]]["state"], "labelled");
    assert_eq!(reason(&paths[2]), "not a JPEG, PNG or WebP picture; not sent");
    assert!(reason(&paths[3]).starts_with("cannot read the file: "), "{}", reason(&paths[3]));
    assert_eq!(reason(&paths[4]), "not a file");
    assert_eq!(server.posted(1).await.len(), 1);
}

#[tokio::test]
async fn at_most_four_files_are_sent_concurrently() {
    let server = Server::with_gate(0).await;
    let names: Vec<String> = (0..9).map(|number| format!("{number}.jpg")).collect();
    let (_directory, paths) = pictures(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let arguments: Vec<&str> = ["upload"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let upload = server.run(&arguments);
    drop(server.subscribed(&[], response("uploads", false, 0)).await);
    // Nobody is let through before as many stand there as come at once; a fifth would come as well, if it could.
    server.posting(4).await;
    server.script.gate.add_permits(1);
    let output = upload.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 9);
    assert_eq!(server.max_concurrency(), 4);
}
