//! `watch`: what is retried, what is not, and what is reported.

use axum::http::StatusCode;
use serde_json::json;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::frames::{cursor, notification, response};
use crate::running::{Running, text};
use crate::server::{Server, TOKEN, send};

#[tokio::test]
async fn a_watch_resumes_prints_nothing_twice_and_reports_what_it_missed() {
    let server = Server::start().await;
    let mut watch = Running::start(server.labelcast(&["watch", "app:x", "--json"]));
    let (mut socket, request) = server.subscribed(&[], response("app:x", false, 1)).await;
    assert_eq!(request, json!({"action": "subscribe", "topics": ["app:x"]}));
    let first = notification("a", "app:x", 2, "e", &json!({"text": "one\ntwo", "large": u64::MAX}));
    send(&mut socket, &first).await;
    assert_eq!(watch.record().await, first);
    drop(socket);

    let second = notification("b", "app:x", 3, "e", &json!({}));
    let (socket, request) = server.subscribed(&[first, second], response("app:x", true, 3)).await;
    assert_eq!(request["since"], json!({"app:x": cursor(2)}));
    assert_eq!(watch.record().await["id"], "b");
    drop(socket);

    let (_socket, request) = server.subscribed(&[], response("app:x", false, 9)).await;
    assert_eq!(request["since"], json!({"app:x": cursor(3)}));
    assert_eq!(watch.record().await, json!({"type": "missed", "topic": "app:x"}));
    watch.reports("were missed").await;
    assert_eq!(watch.interrupt().await, Some(0));
}

#[tokio::test]
async fn a_watch_retries_temporary_errors_with_growing_delays_until_it_is_subscribed() {
    let server = Server::start().await;
    let mut watch = Running::start(server.labelcast(&["watch", "labels"]));
    let mut reported = String::new();
    for error in [
        json!({"type": "error", "code": "internal", "message": "our fault"}),
        json!({"type": "error", "code": "rate_limited", "message": "too fast"}),
        json!({"type": "closing", "code": "server_shutdown", "message": "back soon", "retry": true}),
    ] {
        let _socket = server.subscribed(&[], error.clone()).await;
        reported = watch.reports(error["message"].as_str().unwrap()).await;
    }
    // The first wait is half a second at most, the third at least one, the fourth at least two.
    assert!(reported.contains("retrying in 1.") || reported.contains("retrying in 2.0"), "{reported}");
    let (socket, _) = server.subscribed(&[], response("labels", false, 0)).await;
    drop(socket);
    let reported = watch.reports("retrying in").await;
    assert!(reported.contains("retrying in 0."), "{reported}");
    assert_eq!(watch.interrupt().await, Some(0));
}

#[tokio::test]
async fn an_invalid_token_ends_a_watch_with_status_1_and_is_not_shown() {
    let server = Server::start().await;
    let watch = server.run(&["watch", "labels"]);
    let stream = server.stream().await;
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let refuse = |_: &Request, _: Response| {
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        Err(refusal)
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    let output = watch.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("token was not accepted") && !text(&output.stderr).contains(TOKEN));
}

#[tokio::test]
async fn a_watch_ends_quietly_when_its_output_is_closed() {
    let server = Server::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = server.labelcast(&["watch", "labels"]);
    let watch = command.stdout(writer).spawn().unwrap();
    // It holds the other end as well.
    drop(command);
    let (mut socket, _) = server.subscribed(&[], response("labels", false, 0)).await;
    drop(reader);
    send(&mut socket, &notification("a", "labels", 1, "e", &json!({}))).await;
    let output = watch.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[tokio::test]
async fn a_permanently_refused_watch_exits_with_1_and_the_servers_message() {
    let server = Server::start().await;
    for refusal in [
        json!({"type": "error", "code": "forbidden", "message": "moderation is for moderators"}),
        json!({"type": "error", "code": "bad_request", "message": "the filter cannot be read"}),
        json!({"type": "closing", "code": "limit", "message": "never again", "retry": false}),
    ] {
        let watch = server.run(&["watch", "moderation"]);
        let _socket = server.subscribed(&[], refusal.clone()).await;
        let output = watch.await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(refusal["message"].as_str().unwrap()), "{}", text(&output.stderr));
    }
}
