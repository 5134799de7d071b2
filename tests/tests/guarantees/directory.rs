//! What belongs to the data directory: `docs/guarantees.md#the-data-directory`, `#secrets-of-the-directory`.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use labelcast_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::Value;

fn claims(token: &str) -> Value {
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn tokens_and_forms_are_bound_to_the_data_directory_and_not_to_the_port() {
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let port = server.address().to_owned();
    let begun = server.begin(&token, "image/jpeg", 10_000).await;
    server.kill_and_restart().await;
    assert_ne!(server.address(), port);
    let (before, after) = (claims(&token), claims(&server.token("viewer").await));
    for claim in ["iss", "aud", "sub"] {
        assert!(before[claim].is_string());
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    assert_eq!(server.get("/api/images", &token).await.0, StatusCode::OK);
    assert_eq!(server.post(&begun, picture::jpeg(1)).await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_served_directory_and_its_secrets_are_private() {
    let server = Server::start(&[]).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(server.directory()), 0o700);
    for secret in ["signing-key.pem", "credentials"] {
        assert_eq!(mode(&server.directory().join(secret)), 0o600, "{secret}");
    }
}

#[tokio::test]
async fn the_command_line_works_alongside_a_running_server() {
    let server = Server::start(&[]).await;
    server.command_with_input(&["users", "add", "ann", "--group", "moderators"], "a long password").await;
    let token = server.token("ann").await;
    assert_eq!(server.get("/api/moderation", &token).await.0, StatusCode::OK, "the running server knows her");
    server.command_with_input(&["users", "passwd", "ann"], "another long password").await;
    let key = server.command(&["keys", "add", "finder", "--allow", "search"]).await;
    let search = server.request(Method::GET, "/api/search?label=dog").header("x-api-key", key).send().await.unwrap();
    assert_eq!(search.status(), StatusCode::OK);
    assert_eq!(server.command(&["dead", "list"]).await, "");
    server.command(&["users", "remove", "ann"]).await;
    assert!(!server.command(&["users", "list"]).await.contains("ann"));
}
