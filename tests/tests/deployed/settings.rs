//! Settings that `tests/stack/deployed.py` deploys with: pages of other origins, and who reads which topics.

use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stack::Stack;

const ALLOWED: [&str; 2] = ["https://photos.example.com", "https://second.example.org"];
const OTHER: &str = "https://elsewhere.example.net";

/// Who may read an answer, as browsers understand it.
fn readable_from(headers: &HeaderMap, origin: &str) -> bool {
    headers.get("access-control-allow-origin").is_some_and(|allowed| allowed == origin || allowed == "*")
}

async fn preflight(stack: &Stack, origin: &str) -> HeaderMap {
    let request = stack.request(Method::OPTIONS, "/uploads").header(ORIGIN, origin);
    let request = request.header("access-control-request-method", "POST");
    let response = request.header("access-control-request-headers", "authorization,content-type").send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response.headers().clone()
}

#[tokio::test]
async fn only_allowed_origins_may_call_and_read_responses() {
    let stack = Stack::deployed();
    // The emulator cannot choose among origins by the template that osls writes; `tests/stack/settings.test.mjs` reads it.
    let headers = preflight(&stack, ALLOWED[0]).await;
    assert!(readable_from(&headers, ALLOWED[0]), "{headers:?}");
    let text = |name: &str| headers[name].to_str().unwrap().to_lowercase();
    assert!(text("access-control-allow-methods").contains("post"), "{headers:?}");
    assert!(text("access-control-allow-headers").contains("authorization"), "{headers:?}");
    assert!(!readable_from(&preflight(&stack, OTHER).await, OTHER));
    // What functions answer, whether it went well or not.
    for (path, status) in [("/images", StatusCode::OK), ("/images/unknown", StatusCode::NOT_FOUND)] {
        for (origin, allowed) in [(ALLOWED[0], true), (ALLOWED[1], true), (OTHER, false)] {
            let request = stack.request(Method::GET, path).bearer_auth(stack.token("viewer")).header(ORIGIN, origin);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(readable_from(response.headers(), origin), allowed, "{path} from {origin}");
        }
    }
}

#[tokio::test]
async fn gateway_refusals_are_readable_across_origins_and_have_our_error_format() {
    let stack = Stack::deployed();
    for (path, status, code) in
        [("/images", StatusCode::UNAUTHORIZED, "unauthorized"), ("/no/such/call", StatusCode::NOT_FOUND, "not_found")]
    {
        let response = stack.request(Method::GET, path).header(ORIGIN, ALLOWED[1]).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert!(readable_from(response.headers(), ALLOWED[1]), "{path}: {:?}", response.headers());
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], code, "{error}");
        assert!(error["error"]["message"].is_string(), "{error}");
    }
}

#[tokio::test]
async fn topic_readers_are_those_configured() {
    let stack = Stack::deployed();
    let topic = format!("app:secret{}", rand::random::<u32>());
    let mut viewer = stack.connect("viewer").await;
    let (_, refused) = viewer.ask(json!({"action": "subscribe", "topics": [topic]})).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("forbidden")), "{refused}");
    let (_, refused) = viewer.ask(json!({"action": "set_notify_list", "topics": [topic]})).await;
    assert_eq!(refused["code"], "forbidden", "{refused}");
    assert_eq!(stack.get(&format!("/history/{topic}"), "viewer").await.0, StatusCode::FORBIDDEN);
    viewer.subscribe(&["app:open"]).await;

    let mut moderator = stack.connect("moderator").await;
    moderator.subscribe(&[&topic]).await;
    assert_eq!(stack.get(&format!("/history/{topic}"), "moderator").await.0, StatusCode::OK);
}
