//! The promises, tested end to end on the real binary over real sockets.

use std::collections::BTreeSet;

use labelcast_tests::{Server, Socket, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

fn cursor_at(cursor: &Value, seq: u64) -> String {
    let (epoch, _) = cursor.as_str().unwrap().split_once('-').unwrap();
    format!("{epoch}-{seq}")
}

#[tokio::test]
async fn an_upload_is_labelled_pushed_live_and_found_by_search() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels", "uploads"]).await;
    let upload = server.upload(&token, "image/png", picture::with_keywords("Lighthouse", [30, 60, 220])).await;
    let received = socket.frame().await;
    assert_eq!((&received["event"], &received["data"]["upload_id"]), (&json!("upload.received"), &json!(upload)));
    // One message for both topics.
    let labelled = socket.frame().await;
    assert_eq!(labelled["event"], "image.labelled");
    let topics: Vec<&Value> = labelled["topics"].as_array().unwrap().iter().map(|topic| &topic["topic"]).collect();
    assert_eq!(topics, ["labels", "uploads"]);
    let names: BTreeSet<&str> = labelled["data"]["image"]["labels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|label| label["name"].as_str())
        .collect();
    assert!(names.contains("lighthouse") && names.contains("blue"), "{names:?}");
    // Stored before notified.
    let image = labelled["data"]["image"]["image_id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/images/{image}"), &token).await.0, StatusCode::OK);
    let (_, found) = server.get("/api/images?q=lighthouse%20blue%20-person", &token).await;
    assert_eq!(found["images"][0]["image_id"], image);
    let (_, labels) = server.get("/api/labels?prefix=light", &token).await;
    assert_eq!(labels, json!({"labels": [{"name": "lighthouse", "count": 1}]}));
}

#[tokio::test]
async fn an_offensive_picture_alerts_moderators_and_is_hidden_from_others() {
    let server = Server::start(&[]).await;
    let (viewer, moderator) = (server.token("viewer").await, server.token("moderator").await);
    let (mut watching, mut moderating) = (server.connect(&viewer).await, server.connect(&moderator).await);
    watching.subscribe(&["labels", "uploads"]).await;
    moderating.subscribe(&["moderation"]).await;
    let bytes = picture::with_keywords("Graphic Violence", [200, 20, 20]);
    let upload = server.upload(&viewer, "image/png", bytes).await;
    let alert = moderating.notification("image.offensive").await;
    let hits: Vec<&Value> = alert["data"]["moderation"].as_array().unwrap().iter().map(|hit| &hit["name"]).collect();
    assert!(hits.contains(&&json!("Violence")), "a deep hit comes with its ancestors: {hits:?}");
    // The uploader hears this much and no more.
    let labelled = watching.notification("image.labelled").await;
    let image = alert["data"]["image"]["image_id"].clone();
    assert_eq!(labelled["data"], json!({"upload_id": upload, "image": {"image_id": image, "status": "pending"}}));
    let path = format!("/api/images/{}", image.as_str().unwrap());
    assert_eq!(server.get(&path, &viewer).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&path, &moderator).await.0, StatusCode::OK);
    assert_eq!(server.get("/api/images?q=violence", &viewer).await.1["images"], json!([]));
    assert_eq!(server.get("/api/labels?prefix=viol", &viewer).await.1["labels"], json!([]));
    assert_eq!(server.get("/api/images?q=is:offensive", &viewer).await.0, StatusCode::FORBIDDEN);
    assert_eq!(server.get("/api/moderation", &viewer).await.0, StatusCode::FORBIDDEN);
    let (_, queue) = server.get("/api/moderation?status=pending", &moderator).await;
    assert_eq!(queue["images"][0]["image_id"], image);
}

#[tokio::test]
async fn a_duplicates_uploader_gets_the_known_result_and_nobody_else_is_notified() {
    let server = Server::start(&[]).await;
    let (first, second) = (server.token("viewer").await, server.token("moderator").await);
    let (mut one, mut other) = (server.connect(&first).await, server.connect(&second).await);
    one.subscribe(&["labels"]).await;
    other.subscribe(&["uploads"]).await;
    server.upload(&first, "image/jpeg", picture::jpeg(1)).await;
    let labelled = one.notification("image.labelled").await;
    assert_eq!(labelled["data"].get("upload_id"), None, "an upload's id is its uploader's");
    let upload = server.upload(&second, "image/jpeg", picture::jpeg(1)).await;
    let notified = other.notification("image.labelled").await;
    assert_eq!(notified["data"]["upload_id"], upload);
    assert_eq!(notified["data"]["image"]["image_id"], labelled["data"]["image"]["image_id"]);
    // The next thing on `labels` is the next image.
    server.upload(&first, "image/jpeg", picture::jpeg(2)).await;
    assert_eq!(one.frame().await["topics"][0]["seq"], 2);
}

#[tokio::test]
async fn anything_but_a_picture_is_rejected_and_its_uploader_is_told_why() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    let mut truncated = picture::jpeg(3);
    truncated.truncate(truncated.len() / 2);
    for bytes in [b"no picture at all".to_vec(), truncated, picture::png(40, 40, [0; 3])] {
        let upload = server.upload(&token, "image/jpeg", bytes).await;
        let rejected = socket.notification("upload.rejected").await;
        assert_eq!(rejected["data"]["upload_id"], upload);
        let (_, state) = server.get(&format!("/api/uploads/{upload}"), &token).await;
        assert_eq!((&state["state"], &state["reason"]), (&json!("rejected"), &rejected["data"]["reason"]));
    }
}

#[tokio::test]
async fn an_upload_leaves_pending_once_and_only_its_uploader_sees_it() {
    let server = Server::start(&[]).await;
    let (token, other) = (server.token("viewer").await, server.token("moderator").await);
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    let begun = server.begin(&token, "image/jpeg", 10_000).await;
    server.post(&begun, picture::jpeg(4)).await.unwrap();
    let labelled = socket.notification("image.labelled").await;
    // The same form with other bytes changes nothing.
    assert_eq!(server.post(&begun, picture::jpeg(5)).await.unwrap().status(), StatusCode::NO_CONTENT);
    server.upload(&token, "image/jpeg", picture::jpeg(6)).await;
    let next = socket.notification("image.labelled").await;
    assert_ne!(next["data"]["upload_id"], begun["upload_id"]);
    let path = format!("/api/uploads/{}", begun["upload_id"].as_str().unwrap());
    let (_, state) = server.get(&path, &token).await;
    assert_eq!(state["image_id"], labelled["data"]["image"]["image_id"]);
    assert_eq!(server.get(&path, &other).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_returning_client_is_replayed_what_it_missed_before_the_response() {
    let mut server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "builds", "--allow", "publish:app:*"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let cursor = socket.subscribe(&["app:builds"]).await["topics"][0]["cursor"].clone();
    drop(socket);
    let publish = async |server: &Server, number: u32| {
        let request = server.request(Method::POST, "/api/topics/app:builds").header("x-api-key", &key);
        let response = request.json(&json!({"event": "build.done", "data": {"number": number}})).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    };
    for number in 1..=3 {
        publish(&server, number).await;
    }
    // History and its epoch survive; what was accepted is there although nobody waited for it.
    server.kill_and_restart().await;
    publish(&server, 4).await;
    let mut socket = server.connect(&token).await;
    let mut heard = Vec::new();
    let ask = json!({"action": "subscribe", "topics": ["app:builds"], "since": {"app:builds": cursor}, "ref": "r"});
    let (replayed, response) = socket.ask(ask).await;
    assert_eq!(response["topics"][0]["recovered"], true, "{response}");
    heard.extend(replayed.iter().map(|frame| frame["data"]["number"].as_u64().unwrap()));
    while heard.len() < 4 {
        heard.push(socket.notification("build.done").await["data"]["number"].as_u64().unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_is_reported() {
    let server = Server::start(&["--replay-limit", "2"]).await;
    let key = server.command(&["keys", "add", "builds", "--allow", "publish:app:builds"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let cursor = socket.subscribe(&["app:builds"]).await["topics"][0]["cursor"].clone();
    for _ in 0..3 {
        let request = server.request(Method::POST, "/api/topics/app:builds").header("x-api-key", &key);
        request.json(&json!({"event": "e", "data": 1})).send().await.unwrap();
        socket.notification("e").await;
    }
    let foreign = json!("0123456789abcdef-1");
    let future = json!(cursor_at(&cursor, 99));
    for (since, recovered) in [(json!(cursor_at(&cursor, 1)), true), (cursor, false), (foreign, false), (future, false)]
    {
        let ask = json!({"action": "subscribe", "topics": ["app:builds"], "since": {"app:builds": since}});
        let (replayed, response) = socket.ask(ask).await;
        assert_eq!(response["topics"][0]["recovered"], recovered, "{since}");
        assert_eq!(replayed.len(), if recovered { 2 } else { 0 });
        assert!(response["topics"][0]["cursor"].as_str().unwrap().ends_with("-3"));
    }
}

#[tokio::test]
async fn a_filter_is_a_standing_search() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let ask = json!({"action": "subscribe", "topics": ["labels"], "filter": "dog -person"});
    assert_eq!(socket.ask(ask).await.1["type"], "subscribed");
    let mut all = server.connect(&token).await;
    all.subscribe(&["labels"]).await;
    for (keywords, color) in [("cat", [10, 10, 200]), ("dog, person", [10, 200, 10]), ("dog, beach", [200, 10, 10])] {
        server.upload(&token, "image/png", picture::with_keywords(keywords, color)).await;
    }
    // They come in any order: pictures are looked at side by side.
    for _ in 0..3 {
        all.notification("image.labelled").await;
    }
    let (heard, _) = socket.ask(json!({"action": "ping"})).await;
    assert_eq!(heard.len(), 1, "only the third matches: {heard:?}");
    assert!(heard[0]["data"]["image"]["labels"].to_string().contains("\"beach\""));
    for (topics, filter) in [(json!(["app:x"]), "dog"), (json!(["labels"]), "dog:101"), (json!(["labels"]), "(")] {
        let (_, response) = socket.ask(json!({"action": "subscribe", "topics": topics, "filter": filter})).await;
        assert_eq!(response["code"], "bad_request", "{filter}");
    }
}

#[tokio::test]
async fn nobody_connects_without_a_valid_token_or_reads_what_is_not_theirs() {
    let server = Server::start(&[]).await;
    for token in ["", "nonsense", "eyJhbGciOiJub25lIn0.e30."] {
        match Socket::open(server.address(), token).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401),
            _ => panic!("`{token}` opened a socket"),
        }
        assert_eq!(server.get("/api/images", token).await.0, StatusCode::UNAUTHORIZED);
    }
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    for topic in ["moderation", "device:1", "runs"] {
        let (_, response) = socket.ask(json!({"action": "subscribe", "topics": ["labels", topic], "ref": "f"})).await;
        assert_eq!((&response["code"], &response["ref"]), (&json!("forbidden"), &json!("f")), "{topic}");
    }
    let plain = server.request(Method::GET, "/live").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    let unsigned = server.request(Method::GET, "/live/@connections/abc").send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn sigterm_tells_clients_to_reconnect_and_exits_with_0() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels"]).await;
    let ended = tokio::spawn(server.terminate());
    let closing = socket.frame().await;
    assert_eq!((&closing["code"], &closing["retry"]), (&json!("server_shutdown"), &json!(true)));
    drop(socket);
    assert_eq!(ended.await.unwrap().code(), Some(0));
}
