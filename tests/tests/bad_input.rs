//! Every endpoint gives a clear error and keeps working.

use labelcast_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn the_socket_answers_malformed_frames_and_stays_open() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    for (text, code) in [
        ("", "bad_request"),
        ("{", "bad_request"),
        ("[1]", "bad_request"),
        ("{}", "unknown_action"),
        (r#"{"action":"fly"}"#, "unknown_action"),
        (r#"{"action":"subscribe"}"#, "bad_request"),
        (r#"{"action":"subscribe","topics":[]}"#, "bad_request"),
        (r#"{"action":"subscribe","topics":["cats"]}"#, "bad_request"),
        (r#"{"action":"subscribe","topics":["labels"],"since":{"labels":"x"}}"#, "bad_request"),
        (r#"{"action":"refresh","token":"x"}"#, "forbidden"),
    ] {
        socket.send(text).await;
        let response = socket.frame().await;
        assert_eq!((&response["type"], &response["code"]), (&json!("error"), &json!(code)), "{text}");
    }
    let thousand: Vec<String> = (0..1_000).map(|number| format!("app:{number}")).collect();
    let (_, response) = socket.ask(json!({"action": "subscribe", "topics": thousand, "ref": "t"})).await;
    assert_eq!((&response["code"], &response["ref"]), (&json!("too_many_subscriptions"), &json!("t")));
    let (_, pong) = socket.ask(json!({"action": "ping", "ref": "p"})).await;
    assert_eq!((&pong["type"], &pong["ref"]), (&json!("pong"), &json!("p")));
}

#[tokio::test]
async fn frames_that_api_gateway_refuses_close_with_its_codes() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let large = format!(r#"{{"action":"ping","ref":"{}"}}"#, "x".repeat(33 * 1024));
    for (message, code) in [(Message::binary(vec![1, 2]), 1003), (Message::text(large), 1009)] {
        let mut socket = server.connect(&token).await;
        socket.send_message(message).await;
        loop {
            match socket.next().await {
                Some(Message::Close(Some(close))) => break assert_eq!(u16::from(close.code), code),
                Some(_) => {}
                None => panic!("closed without {code}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_over_the_message_rate_is_warned() {
    let server = Server::start(&["--messages-per-second", "1"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    // Two go at once, the third gets a warning; anything else within the second is dropped without a response.
    for text in [r#"{"action":"ping"}"#, r#"{"action":"ping"}"#, "no JSON", "no JSON", r#"{"action":"ping"}"#] {
        socket.send(text).await;
    }
    assert_eq!(socket.frame().await["type"], "pong");
    assert_eq!(socket.frame().await["type"], "pong");
    assert_eq!(socket.frame().await["code"], "rate_limited");
}

#[tokio::test]
async fn a_flood_gets_a_warning_and_is_then_closed() {
    let server = Server::start(&["--messages-per-second", "10"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    for _ in 0..2_000 {
        socket.send("this is no JSON").await;
    }
    let mut responses = 0;
    loop {
        let response = socket.frame().await;
        if response["type"] == "closing" {
            assert_eq!((&response["code"], &response["retry"]), (&json!("limit"), &json!(true)));
            break;
        }
        responses += 1;
    }
    assert!(responses < 100, "{responses} answers to 2,000 frames");
}

#[tokio::test]
async fn the_response_to_a_long_list_of_topics_fits_into_a_frame() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let topic = |number: usize| format!("app:{number:060}");
    for action in ["unsubscribe", "subscribe", "set_notify_list"] {
        let topics: Vec<String> = (0..450).map(topic).collect();
        let (_, response) = socket.ask(json!({"action": action, "topics": topics, "ref": "r"})).await;
        assert_eq!(response["type"], "error", "{action}: {response}");
        let topics: Vec<String> = (0..400).map(|_| topic(1)).collect();
        let (_, response) = socket.ask(json!({"action": action, "topics": topics, "ref": "r"})).await;
        assert_eq!(response["topics"].as_array().map(Vec::len), Some(1), "{action}: {response}");
    }
}

#[tokio::test]
async fn rest_errors_say_what_is_wrong_and_what_to_do() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let begin = async |body: Value| {
        let request = server.request(Method::POST, "/api/uploads").bearer_auth(&token).json(&body);
        let response = request.send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let upload = |kind: &str, size: u64| json!({"name": "a", "content_type": kind, "size": size});
    assert_eq!(begin(upload("image/jpeg", 16 << 20)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(begin(upload("image/gif", 10)).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(begin(upload("image/png", 0)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(begin(json!({"name": 1})).await.0, StatusCode::BAD_REQUEST);
    let (status, response) = server.get("/api/images?q=dog:101", &token).await;
    assert_eq!((status, &response["error"]["position"]), (StatusCode::BAD_REQUEST, &json!(4)));
    assert!(response["error"]["expected"].is_string());
    for path in [
        "/api/images?limit=0",
        "/api/images?limit=x",
        "/api/images?cursor=x",
        "/api/images?min_confidence=101",
        "/api/images?language=xx&q=a",
        "/api/history/cats",
        "/api/history/labels?since=x",
    ] {
        let (status, response) = server.get(path, &token).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(response["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{path}");
    }
    assert_eq!(server.get("/api/nothing", &token).await.1["error"]["code"], "not_found");
    assert_eq!(server.get(&format!("/api/images/{}", "0".repeat(64)), &token).await.0, StatusCode::NOT_FOUND);
    let wrong = server.request(Method::PUT, "/api/images").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_form_accepts_only_what_was_signed() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let begun = server.begin(&token, "image/jpeg", 10_000).await;
    let mut other_key = begun.clone();
    other_key["fields"]["key"] = json!("processed/evil");
    assert_eq!(server.post(&other_key, picture::jpeg(1)).await.unwrap().status(), StatusCode::FORBIDDEN);
    let mut forged = begun.clone();
    forged["fields"]["x-amz-signature"] = json!("0".repeat(64));
    assert_eq!(server.post(&forged, picture::jpeg(1)).await.unwrap().status(), StatusCode::FORBIDDEN);
    let response = server.post(&begun, vec![0; (15 << 20) + 1]).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.text().await.unwrap().contains("EntityTooLarge"));
    let unsigned = server.request(Method::GET, "/objects/new/x").send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.post(&begun, picture::jpeg(1)).await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn programs_need_a_key_with_the_right_scope() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "one", "--allow", "publish:app:one"]).await;
    let publish = async |topic: &str, key: &str, idempotency: &str, data: Value| {
        let request = server.request(Method::POST, &format!("/api/topics/{topic}")).header("x-api-key", key);
        let request = request.header("idempotency-key", idempotency).json(&json!({"event": "e", "data": data}));
        let response = request.send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(publish("app:one", "wrong", "1", json!(1)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(publish("app:two", &key, "2", json!(1)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(publish("labels", &key, "3", json!(1)).await.0, StatusCode::FORBIDDEN);
    let large = json!("x".repeat(24 * 1024));
    assert_eq!(publish("app:one", &key, "4", large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let nested = |levels: usize| (1..levels).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(publish("app:one", &key, "deep", nested(65)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(publish("app:one", &key, "deep", nested(64)).await.0, StatusCode::ACCEPTED);
    let (status, first) = publish("app:one", &key, "5", json!(1)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(publish("app:one", &key, "5", json!(1)).await, (StatusCode::ACCEPTED, first));
    assert_eq!(publish("app:one", &key, "5", json!(2)).await.0, StatusCode::CONFLICT);
    let search = server.request(Method::GET, "/api/search?label=dog").header("x-api-key", &key).send().await.unwrap();
    assert_eq!(search.status(), StatusCode::FORBIDDEN, "the key does not allow it");
}
