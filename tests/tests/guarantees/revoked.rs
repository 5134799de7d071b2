//! A changed password, a changed group and a removed user end what was issued before, also when the command line makes
//! the change beside a running server.

use std::time::Duration;

use labelcast_tests::{Server, Socket};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A change takes effect within a second; a busy machine may take longer to run the test itself.
const SOON: Duration = Duration::from_secs(5);

/// Waits until a token is refused, by the REST API and by a handshake.
async fn refused_soon(server: &Server, token: &str) {
    let begun = Instant::now();
    while server.get("/api/images", token).await.0 != StatusCode::UNAUTHORIZED {
        assert!(begun.elapsed() < SOON, "the token is still accepted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, response) = server.get("/api/images", token).await;
    assert_eq!((status, &response["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
    assert!(Socket::open(server.address(), token).await.is_err());
}

/// Waits until a socket is notified that its token is no longer valid, and closed.
async fn closed_soon(socket: &mut Socket) {
    let begun = Instant::now();
    let frame = socket.frame().await;
    assert_eq!((&frame["type"], &frame["code"]), (&json!("closing"), &json!("token_expired")), "{frame}");
    assert!(socket.ends().await && begun.elapsed() < SOON);
}

async fn change(server: &Server, arguments: &[&str]) {
    server.command_with_input(arguments, "another long password").await;
}

#[tokio::test]
async fn tokens_and_sockets_end_with_a_new_password_a_new_group_and_the_user() {
    let server = Server::start(&[]).await;
    change(&server, &["users", "add", "mia", "--group", "moderators"]).await;
    let other = server.token("viewer").await;
    let mut others = server.connect(&other).await;
    others.subscribe(&["labels"]).await;
    for arguments in [
        &["users", "passwd", "mia"][..],
        &["users", "groups", "mia"],
        &["users", "groups", "mia", "--group", "moderators"],
        &["users", "remove", "mia"],
    ] {
        let token = server.token("mia").await;
        assert_eq!(server.get("/api/images", &token).await.0, StatusCode::OK, "{arguments:?}");
        let mut socket = server.connect(&token).await;
        socket.subscribe(&["labels", "uploads"]).await;
        change(&server, arguments).await;
        closed_soon(&mut socket).await;
        refused_soon(&server, &token).await;
    }
    // The name is somebody else's now.
    change(&server, &["users", "add", "mia"]).await;
    assert_eq!(server.get("/api/images", &server.token("mia").await).await.0, StatusCode::OK);
    // Others notice nothing.
    assert_eq!(server.get("/api/images", &other).await.0, StatusCode::OK);
    assert_eq!(others.ask(json!({"action": "ping"})).await.1["type"], "pong");
}

#[tokio::test]
async fn a_former_moderator_receives_no_more_moderation_notifications() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "ci", "--allow", "publish:app:*"]).await;
    let mut socket = server.connect(&server.token("moderator").await).await;
    socket.subscribe(&["moderation", "app:news"]).await;
    change(&server, &["users", "groups", "moderator"]).await;
    closed_soon(&mut socket).await;
    assert_eq!(crate::publish(&server, &key, "app:news", json!(1)).await, StatusCode::ACCEPTED);
    // Signed in anew the user goes on with the groups of now.
    let token = server.token("moderator").await;
    let mut socket = server.connect(&token).await;
    let (_, response) = socket.ask(json!({"action": "subscribe", "topics": ["moderation"]})).await;
    assert_eq!(response["code"], "forbidden");
    assert_eq!(server.get("/api/moderation", &token).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_older_token_cannot_keep_a_socket_open() {
    let server = Server::start(&[]).await;
    let (first, second) = (server.token("viewer").await, server.token("viewer").await);
    let socket = server.connect(&first).await;
    drop(socket);
    change(&server, &["users", "passwd", "viewer"]).await;
    refused_soon(&server, &second).await;
    let mut socket = server.connect(&server.token("viewer").await).await;
    let (_, response) = socket.ask(json!({"action": "refresh", "token": second, "ref": "r"})).await;
    assert_eq!((&response["type"], &response["code"]), (&json!("error"), &json!("forbidden")), "{response}");
    assert_eq!(socket.ask(json!({"action": "ping"})).await.1["type"], "pong", "its own token is still good");
}

#[tokio::test]
async fn a_removed_api_key_is_refused_within_a_second() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "finder", "--allow", "search"]).await;
    let search = async || -> StatusCode {
        let request = server.request(Method::GET, "/api/search?label=dog").header("x-api-key", key.as_str());
        request.send().await.unwrap().status()
    };
    assert_eq!(search().await, StatusCode::OK);
    server.command(&["keys", "remove", "finder"]).await;
    let begun = Instant::now();
    while search().await != StatusCode::FORBIDDEN {
        assert!(begun.elapsed() < SOON);
    }
}

#[tokio::test]
async fn a_token_carries_the_account_version_once_the_account_has_changed() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let server = Server::start(&[]).await;
    let claims = async || -> Value {
        let token = server.token("viewer").await;
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    };
    assert_eq!(claims().await.get("labelcast:version"), None, "as Cognito's");
    change(&server, &["users", "passwd", "viewer"]).await;
    assert_eq!(claims().await["labelcast:version"], 1);
}
