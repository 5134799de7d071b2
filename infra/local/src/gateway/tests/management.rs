//! `@connections`.

use futures_util::StreamExt;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::routes::Happened;
use super::{House, soon};

impl House {
    async fn manage(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let url = format!("http://{}/live/{path}", self.address);
        let request = reqwest::Client::new().request(method, url).header("x-signed", "yes").body(body);
        soon(request.send()).await.unwrap()
    }
}

fn kind(response: &Response) -> (u16, &str) {
    (response.status().as_u16(), response.headers().get("x-amzn-errortype").map_or("", |kind| kind.to_str().unwrap()))
}

#[tokio::test]
async fn a_post_is_a_text_frame() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    for at in ["@", "%40"] {
        for pad in ["=", "%3D"] {
            let id = client.id.as_str().replace('=', pad);
            let response = house.manage(Method::POST, &format!("{at}connections/{id}"), "hello").await;
            assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(0)));
            assert_eq!(client.text().await, "hello");
        }
    }
}

#[tokio::test]
async fn a_connection_can_be_inspected_and_closed() {
    let mut house = House::open().await;
    let mut client = house.client_with(&[("user-agent", "tests")]).await.unwrap();
    let path = format!("@connections/{}", client.id);
    let shown: Value = house.manage(Method::GET, &path, "").await.json().await.unwrap();
    let time = "2026-11-20T10:00:00.000Z";
    assert_eq!((&shown["connectedAt"], &shown["lastActiveAt"]), (&time.into(), &time.into()));
    assert_eq!(shown["identity"]["userAgent"], "tests");
    assert_eq!(house.manage(Method::DELETE, &path, "").await.status(), 204);
    let (_, code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), (1000, "Connection Closed Normally"));
    while soon(client.stream.next()).await.is_some() {}
    assert_eq!(house.disconnected().await, (1000, "Connection Closed Normally".to_owned()));
}

#[tokio::test]
async fn last_activity_is_never_before_the_connection_whatever_the_clock_says() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    let path = format!("@connections/{}", client.id);
    for (step, active) in [(-1, "2026-11-20T10:00:00.000Z"), (2, "2026-11-20T10:01:00.000Z")] {
        house.step(chrono::TimeDelta::hours(step));
        client.send(r#"{"do":"say","text":"here"}"#).await;
        assert_eq!(client.text().await, "here");
        let shown: Value = house.manage(Method::GET, &path, "").await.json().await.unwrap();
        assert_eq!(
            (&shown["connectedAt"], &shown["lastActiveAt"]),
            (&"2026-11-20T10:00:00.000Z".into(), &active.into())
        );
        house.pass(chrono::TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn an_absent_connection_is_gone_with_an_empty_body_and_an_error_type() {
    let mut house = House::open().await;
    let request = house.request(&[("authorization", "wait")]);
    let handshake = tokio::spawn(tokio_tungstenite::connect_async(request));
    let id = loop {
        if let Happened::Connected(connection) = house.next().await {
            break connection.id;
        }
    };
    // One whose `$connect` still runs, and one that never was.
    for id in [id.as_str(), "YkOibd6goAMCLjg="] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let response = house.manage(method, &format!("@connections/{id}"), "hello").await;
            assert_eq!(kind(&response), (410, "GoneException"));
            assert_eq!(response.text().await.unwrap(), "");
        }
    }
    house.routes.go_on.notify_one();
    soon(handshake).await.unwrap().unwrap();
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let mut house = House::open().await;
    let client = house.client().await;
    let path = format!("@connections/{}", client.id);
    let large = house.manage(Method::POST, &path, vec![b'x'; 32 * 1024 + 1]).await;
    assert_eq!(kind(&large), (413, "PayloadTooLargeException"));
    assert!(large.json::<Value>().await.unwrap()["message"].is_string());
    assert_eq!(kind(&house.manage(Method::POST, &path, vec![b'x'; 200 * 1024]).await).0, 413);
    assert_eq!(kind(&house.manage(Method::POST, &path, b"\xff".as_slice()).await), (400, "BadRequestException"));
    let malformed = house.manage(Method::POST, "@connections/a%20b", "hello").await;
    assert_eq!(kind(&malformed), (400, "BadRequestException"));
    assert_eq!(malformed.json::<Value>().await.unwrap(), json!({"message": "Invalid connectionId: a b"}));
    let url = format!("http://{}/live/{path}", house.address);
    let unsigned = soon(reqwest::Client::new().post(url).body("hello").send()).await.unwrap();
    assert_eq!(kind(&unsigned), (403, "ForbiddenException"));
    assert_eq!(unsigned.json::<Value>().await.unwrap(), json!({"message": "Forbidden"}));
}

#[tokio::test]
async fn a_post_to_a_stalled_reader_is_refused_once_its_queue_is_full() {
    let mut house = House::open().await;
    let client = house.client().await;
    let path = format!("@connections/{}", client.id);
    let mut posts = 0;
    let refused = loop {
        posts += 1;
        assert!(posts < 10_000, "a queue is bounded");
        let response = house.manage(Method::POST, &path, vec![b'x'; 32 * 1024]).await;
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(kind(&refused), (429, "LimitExceededException"));
    assert_eq!(house.manage(Method::GET, &path, "").await.status(), 200, "it is not closed for that");
}
