//! `watch`, `upload` and `search` against a service that follows a script, over real sockets.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

const TOKEN: &str = "s3cret";

struct Service {
    url: String,
    live: TcpListener,
    posted: Arc<Mutex<Vec<Bytes>>>,
}

type Socket = WebSocketStream<TcpStream>;

impl Service {
    async fn start() -> Self {
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings =
            json!({"api": format!("{url}/api"), "live": format!("ws://{}/live", live.local_addr().unwrap())});
        let posted = Arc::new(Mutex::new(Vec::new()));
        let (form_url, bodies) = (format!("{url}/objects"), posted.clone());
        let begin = move |headers: HeaderMap, Json(asked): Json<Value>| async move {
            assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
            let id = asked["name"].as_str().unwrap().replace(".jpg", "");
            let begun = json!({"upload_id": id, "url": form_url, "fields": {"key": "new/1", "policy": "p"}});
            (StatusCode::CREATED, Json(begun))
        };
        let take = move |headers: HeaderMap, body: Bytes| async move {
            assert!(!headers.contains_key("authorization"));
            bodies.lock().unwrap().push(body);
            StatusCode::NO_CONTENT
        };
        let router = Router::new()
            .route("/web/settings.json", get(move || async move { Json(settings) }))
            .route("/api/uploads", post(begin))
            .route("/api/uploads/{id}", get(upload))
            .route("/api/images", get(search))
            .route("/api/images/{id}", get(|Path(id): Path<String>| async move { Json(image(&id)) }))
            .route("/objects", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, live, posted }
    }

    async fn accept(&self) -> Socket {
        let (stream, _) = self.live.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let check = |request: &server::Request, response: server::Response| {
            assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
            Ok(response)
        };
        accept_hdr_async(stream, check).await.unwrap()
    }

    /// Accepts a connection, answers its subscription, and returns what was asked for.
    async fn subscribed(&self, before: &[Value], answer: Value) -> (Socket, Value) {
        let mut socket = self.accept().await;
        let asked = socket.next().await.unwrap().unwrap().into_text().unwrap();
        for frame in before {
            send(&mut socket, frame).await;
        }
        send(&mut socket, &answer).await;
        (socket, serde_json::from_str(&asked).unwrap())
    }

    fn labelcast(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labelcast"));
        command.args(arguments).args(["--url", &self.url]).env("LABELCAST_TOKEN", TOKEN).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> tokio::task::JoinHandle<Output> {
        let mut command = self.labelcast(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    }
}

async fn upload(Path(id): Path<String>) -> Json<Value> {
    Json(json!({"upload_id": id, "state": "labelled", "image_id": "ab".repeat(32)}))
}

/// Endless pages of three images, however many were asked for.
async fn search(Query(asked): Query<HashMap<String, String>>) -> Json<Value> {
    let page: usize = asked.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let images: Vec<Value> = (0..3).map(|n| image(&format!("{:064x}", page * 3 + n))).collect();
    Json(json!({"images": images, "next": (page + 1).to_string()}))
}

fn image(id: &str) -> Value {
    json!({"image_id": id, "labels": [{"name": "dog", "confidence": 98.2}, {"name": "grass", "confidence": 91}]})
}

async fn send(socket: &mut Socket, frame: &Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

fn cursor(seq: u64) -> String {
    format!("00000000000000aa-{seq}")
}

fn answer(topic: &str, recovered: bool, seq: u64) -> Value {
    json!({"type": "subscribed", "topics": [{"topic": topic, "recovered": recovered, "cursor": cursor(seq)}]})
}

fn notification(id: &str, topic: &str, seq: u64, event: &str, data: &Value) -> Value {
    json!({"type": "notification", "id": id, "event": event, "at": "2026-11-21T03:18:25Z", "data": data,
        "topics": [{"topic": topic, "seq": seq, "cursor": cursor(seq)}]})
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_watch_resumes_where_it_was_prints_nothing_twice_and_tells_what_it_missed() {
    let service = Service::start().await;
    let mut watch =
        service.labelcast(&["watch", "app:x", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut line = move || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["id"].clone();

    let (mut socket, asked) = service.subscribed(&[], answer("app:x", false, 1)).await;
    assert_eq!(asked, json!({"action": "subscribe", "topics": ["app:x"]}));
    let first = notification("a", "app:x", 2, "e", &json!({"text": "one\ntwo"}));
    send(&mut socket, &first).await;
    drop(socket);

    let second = notification("b", "app:x", 3, "e", &json!({}));
    let (_socket, asked) = service.subscribed(&[first, second], answer("app:x", false, 3)).await;
    assert_eq!(asked["since"], json!({"app:x": cursor(2)}));
    let printed = tokio::task::spawn_blocking(move || [line(), line()]).await.unwrap();
    assert_eq!(printed, ["a", "b"]);

    // Told after `subscribed` was read, which was sent before; wait for the words, then end it as Ctrl-C does.
    let mut told = BufReader::new(watch.stderr.take().unwrap()).lines();
    let missed = tokio::task::spawn_blocking(move || told.any(|line| line.unwrap().contains("were missed")));
    assert!(missed.await.unwrap());
    assert!(Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || watch.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_watch_that_is_refused_ends_with_status_1_and_the_words_of_the_service() {
    let service = Service::start().await;
    let watch = service.run(&["watch", "moderation"]);
    let error = json!({"type": "error", "code": "forbidden", "message": "moderation is for moderators"});
    let _socket = service.subscribed(&[], error).await;
    let output = watch.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("moderation is for moderators"));
}

#[tokio::test]
async fn a_token_that_is_not_accepted_ends_a_watch_with_status_1_and_is_not_shown() {
    let service = Service::start().await;
    let watch = service.run(&["watch", "labels"]);
    let (stream, _) = service.live.accept().await.unwrap();
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let refuse = |_: &server::Request, _: server::Response| {
        let mut refusal = server::ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        Err(refusal)
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    let output = watch.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("401") && !text(&output.stderr).contains(TOKEN));
}

fn pictures(names: &[&str]) -> (tempfile::TempDir, Vec<String>) {
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
async fn an_upload_prints_labels_as_they_come_and_fails_if_a_picture_was_rejected() {
    let service = Service::start().await;
    let (_directory, paths) = pictures(&["cat.jpg", "bad.jpg"]);
    let upload = service.run(&["upload", &paths[0], &paths[1]]);
    let (mut socket, asked) = service.subscribed(&[], answer("uploads", false, 0)).await;
    assert_eq!(asked, json!({"action": "subscribe", "topics": ["uploads"]}));
    // Results of uploads that are not begun would be somebody else's: wait until both forms came.
    while service.posted.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let rejected = json!({"upload_id": "bad", "reason": "it is cut off"});
    send(&mut socket, &notification("1", "uploads", 1, "upload.rejected", &rejected)).await;
    let labelled = json!({"upload_id": "cat", "image": image(&"ab".repeat(32))});
    send(&mut socket, &notification("2", "uploads", 2, "image.labelled", &labelled)).await;
    let output = upload.await.unwrap();
    assert_eq!(text(&output.stdout), format!("{}: dog 98.2, grass 91.0\n", paths[0]));
    assert!(text(&output.stderr).contains("bad.jpg: it is cut off"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    let posted = service.posted.lock().unwrap();
    let body = String::from_utf8_lossy(&posted[0]);
    let place = |name: &str| body.find(&format!("name=\"{name}\"")).unwrap();
    assert!(place("key") < place("file") && place("policy") < place("file"), "the file comes last");
}

#[tokio::test]
async fn an_upload_asks_for_its_results_when_the_socket_breaks() {
    let service = Service::start().await;
    let (_directory, paths) = pictures(&["cat.jpg"]);
    let upload = service.run(&["upload", "--json", &paths[0]]);
    drop(service.subscribed(&[], answer("uploads", false, 0)).await);
    let output = upload.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({"file": paths[0], "upload_id": "cat", "state": "labelled", "image": image(&"ab".repeat(32))});
    assert_eq!(record, expected);
}

#[tokio::test]
async fn what_is_no_picture_is_not_sent() {
    let service = Service::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.jpg");
    std::fs::write(&path, "hello").unwrap();
    let upload = service.run(&["upload", path.to_str().unwrap(), "missing.jpg"]);
    let _socket = service.subscribed(&[], answer("uploads", false, 0)).await;
    let output = upload.await.unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(text(&output.stderr).contains("notes.jpg: it is no JPEG, PNG or WebP picture"));
    assert!(text(&output.stderr).contains("missing.jpg: it cannot be read"));
    assert!(service.posted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_search_goes_through_pages_up_to_its_limit() {
    let service = Service::start().await;
    let output = service.run(&["search", "-person dog", "--limit", "7"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[6], format!("{:064x}: dog 98.2, grass 91.0", 6));
}
