//! Effects of subscribing: `docs/guarantees.md#a-request-is-one-change`, `#sizes`.

use labelcast_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::publish;

#[tokio::test]
async fn one_invalid_topic_or_filter_rejects_the_whole_request_and_changes_nothing() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "all", "--allow", "publish:app:*"]).await;
    let mut socket = server.connect(&server.token("viewer").await).await;
    socket.subscribe(&["app:before"]).await;
    for request in [
        json!({"action": "subscribe", "topics": ["app:after", "moderation"]}),
        json!({"action": "subscribe", "topics": ["app:after", "labels"], "filter": "dog"}),
        json!({"action": "subscribe", "topics": ["app:after", "app:"]}),
        json!({"action": "set_notify_list", "topics": ["app:after", "moderation"]}),
    ] {
        let (_, response) = socket.ask(request.clone()).await;
        assert_eq!(response["type"], "error", "{request}");
    }
    for topic in ["app:after", "app:before"] {
        assert_eq!(publish(&server, &key, topic, json!(topic)).await, StatusCode::ACCEPTED);
    }
    assert_eq!(socket.notification("e").await["data"], "app:before", "what was subscribed to, and no more");
}

#[tokio::test]
async fn the_notify_list_replaces_all_subscriptions() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "all", "--allow", "publish:app:*"]).await;
    let mut socket = server.connect(&server.token("viewer").await).await;
    socket.subscribe(&["app:one", "app:two"]).await;
    let (_, list) = socket.ask(json!({"action": "set_notify_list", "topics": ["app:two", "app:three"]})).await;
    assert_eq!(list["topics"].as_array().unwrap().len(), 2);
    for topic in ["app:one", "app:two", "app:three"] {
        publish(&server, &key, topic, json!(topic)).await;
    }
    let mut heard = [socket.notification("e").await["data"].clone(), socket.notification("e").await["data"].clone()];
    heard.sort_by_key(ToString::to_string);
    assert_eq!(heard, ["app:three", "app:two"]);
    assert_eq!(socket.ask(json!({"action": "set_notify_list", "topics": []})).await.1["topics"], json!([]));
    publish(&server, &key, "app:two", json!("unheard")).await;
    socket.subscribe(&["app:last"]).await;
    publish(&server, &key, "app:last", json!("heard")).await;
    assert_eq!(socket.notification("e").await["data"], "heard", "an empty list ends all");
}

#[tokio::test]
async fn subscribing_again_replaces_the_filter_and_removals_pass_every_filter() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    for filter in ["dog", "cat"] {
        let ask = json!({"action": "subscribe", "topics": ["labels"], "filter": filter});
        assert_eq!(socket.ask(ask).await.1["type"], "subscribed");
    }
    let mut watching = server.connect(&token).await;
    watching.subscribe(&["labels"]).await;
    let dog = picture::with_keywords("dog", [10, 10, 200]);
    server.upload(&token, "image/png", dog).await;
    let dog = watching.notification("image.labelled").await["data"]["image"]["image_id"].clone();
    let path = format!("/api/images/{}", dog.as_str().unwrap());
    server.request(Method::DELETE, &path).bearer_auth(&token).send().await.unwrap();
    server.upload(&token, "image/png", picture::with_keywords("cat", [10, 200, 10])).await;
    let (first, second) = (socket.frame().await, socket.frame().await);
    assert_eq!((&first["event"], &first["data"]["image_id"]), (&json!("image.removed"), &dog));
    assert_eq!(second["data"]["image"]["labels"][0]["name"], "cat");
}

#[tokio::test]
async fn the_largest_data_fits_one_frame_and_one_byte_more_is_refused() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "all", "--allow", "publish:app:*"]).await;
    let topic = format!("app:{}", "n".repeat(64));
    let mut socket = server.connect(&server.token("viewer").await).await;
    socket.subscribe(&[&topic]).await;
    // With its quotes it has 24 KiB of JSON.
    let largest = "x".repeat(24 * 1024 - 2);
    assert_eq!(publish(&server, &key, &topic, json!(format!("{largest}x"))).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(publish(&server, &key, &topic, json!(largest)).await, StatusCode::ACCEPTED);
    let frame = socket.notification("e").await;
    assert_eq!(frame["data"], largest);
    assert!(frame.to_string().len() <= 32 * 1024);
}
