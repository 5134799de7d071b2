//! The socket: every request, response and event.

use labelcast_functions::settings::Settings;
use labelcast_tests::machine::Health;
use labelcast_tests::schemas::AsyncApi;
use labelcast_tests::{Server, Socket, TestMachine, picture, uploads};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::document;

/// Sends a request and checks it, its answer, and what came before the answer.
async fn ask(contract: &AsyncApi, socket: &mut Socket, request: Value) -> Value {
    contract.check_sent(&request);
    let (before, response) = socket.ask(request).await;
    before.iter().chain([&response]).for_each(|frame| contract.check_received(frame));
    response
}

/// Checks what comes until an event has come.
async fn hear(contract: &AsyncApi, socket: &mut Socket, event: &str) -> Value {
    loop {
        let frame = socket.frame().await;
        contract.check_received(&frame);
        if frame["event"] == event {
            return frame;
        }
    }
}

async fn requests_are_answered(contract: &AsyncApi, server: &Server, token: &str) {
    let mut socket = server.connect(token).await;
    let ask_for = json!({"action": "subscribe", "topics": ["labels", "app:builds"], "ref": "1"});
    let subscribed = ask(contract, &mut socket, ask_for).await;
    let cursor = &subscribed["topics"][0]["cursor"];
    for (request, response) in [
        (
            json!({"action": "subscribe", "topics": ["labels"], "filter": "dog", "since": {"labels": cursor}}),
            "subscribed",
        ),
        (json!({"action": "subscribe", "topics": ["moderation"], "ref": "2"}), "forbidden"),
        (json!({"action": "unsubscribe", "topics": ["labels"], "ref": "3"}), "unsubscribed"),
        (json!({"action": "set_notify_list", "topics": ["uploads"], "ref": "4"}), "notify_list"),
        (json!({"action": "refresh", "token": token, "ref": "5"}), "refreshed"),
        (json!({"action": "ping", "ref": "6"}), "pong"),
    ] {
        let frame = ask(contract, &mut socket, request).await;
        let kind = if frame["type"] == "error" { &frame["code"] } else { &frame["type"] };
        assert_eq!(kind, response, "{frame}");
    }
    // What the contract forbids is answered in its shape too.
    socket.send(r#"{"action":"subscribe","topics":["labels"],"filter":"("}"#).await;
    let refused = socket.frame().await;
    contract.check_received(&refused);
    assert_eq!(refused["code"], "bad_request", "{refused}");
    socket.send(r#"{"action":"fly"}"#).await;
    contract.check_received(&socket.frame().await);
}

#[tokio::test]
async fn every_frame_conforms_to_the_contract_and_every_message_of_it_occurs() {
    let server = Server::start(&[]).await;
    let contract = AsyncApi::new(&document(&server, "asyncapi.json").await);
    let (viewer, moderator) = (server.token("viewer").await, server.token("moderator").await);
    requests_are_answered(&contract, &server, &viewer).await;
    let mut viewing = server.connect(&viewer).await;
    let subscribed = viewing.subscribe(&["labels", "uploads", "app:builds"]).await;
    let mut moderating = server.connect(&moderator).await;
    moderating.subscribe(&["labels", "moderation"]).await;
    server.upload(&viewer, "image/jpeg", picture::jpeg(1)).await;
    hear(&contract, &mut viewing, "upload.received").await;
    let labelled = hear(&contract, &mut viewing, "image.labelled").await;
    server.upload(&viewer, "image/jpeg", b"no picture".to_vec()).await;
    hear(&contract, &mut viewing, "upload.rejected").await;
    server.upload(&viewer, "image/png", picture::with_keywords("Graphic Violence", [200, 20, 20])).await;
    // As its uploader is notified of it, and as moderators are.
    hear(&contract, &mut viewing, "image.labelled").await;
    hear(&contract, &mut moderating, "image.offensive").await;
    let image = format!("/api/images/{}", labelled["data"]["image"]["image_id"].as_str().unwrap());
    let delete = server.request(Method::DELETE, &image).bearer_auth(&viewer).send().await.unwrap();
    assert_eq!(delete.status(), StatusCode::NO_CONTENT);
    hear(&contract, &mut viewing, "image.removed").await;
    let key = server.command(&["keys", "add", "builds", "--allow", "publish:app:builds"]).await;
    let publish = server.request(Method::POST, "/api/topics/app:builds").header("x-api-key", &key);
    publish.json(&json!({"event": "build.done", "data": {"number": 1}})).send().await.unwrap();
    hear(&contract, &mut viewing, "build.done").await;
    // What is replayed is like what is live.
    let mut again = server.connect(&viewer).await;
    let since: Value = subscribed["topics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| (topic["topic"].as_str().unwrap().to_owned(), topic["cursor"].clone()))
        .collect::<Map<_, _>>()
        .into();
    let ask_for = json!({"action": "subscribe", "topics": ["labels", "uploads", "app:builds"], "since": since});
    assert_eq!(ask(&contract, &mut again, ask_for).await["type"], "subscribed");
    upload_failed(&contract).await;
    let ended = tokio::spawn(server.terminate());
    loop {
        let frame = again.frame().await;
        contract.check_received(&frame);
        if frame["type"] == "closing" {
            break;
        }
    }
    drop((again, viewing, moderating));
    ended.await.unwrap();
    assert_eq!(contract.unseen(), Vec::<&str>::new(), "in the document, never seen");
}

/// The built-in detector takes every good picture, so this needs one that fails.
async fn upload_failed(contract: &AsyncApi) {
    let test = TestMachine::start(Settings { max_attempts: 1, ..Settings::default() }).await;
    test.detector.be(Health::Failing);
    let mut socket = test.connect().await;
    socket.subscribe(&["uploads"]).await;
    uploads::upload(&test.address(), &test.token().await, "image/jpeg", picture::jpeg(2)).await;
    hear(contract, &mut socket, "upload.failed").await;
}
