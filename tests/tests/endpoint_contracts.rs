//! The contracts describe exactly the existing endpoints.

use labelcast_tests::Server;
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn the_rest_contract_names_exactly_the_existing_calls() {
    let server = Server::start(&[]).await;
    let contract: Value = server.request(Method::GET, "/api/openapi.json").send().await.unwrap().json().await.unwrap();
    let paths = contract["paths"].as_object().unwrap();
    for (path, method) in [
        ("/uploads", "post"),
        ("/uploads/{upload_id}", "get"),
        ("/images", "get"),
        ("/images/{image_id}", "get"),
        ("/images/{image_id}", "delete"),
        ("/images/{image_id}/original", "get"),
        ("/images/{image_id}/thumbnail", "get"),
        ("/labels", "get"),
        ("/moderation", "get"),
        ("/history/{topic}", "get"),
        ("/search", "get"),
        ("/topics/{topic}", "post"),
    ] {
        assert!(paths.get(path).and_then(|path| path.get(method)).is_some(), "{method} {path}");
    }
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let request = path.replace("{topic}", "labels").replace("{upload_id}", "x").replace("{image_id}", "x");
            let method: Method = method.to_uppercase().parse().unwrap();
            let response = server.request(method.clone(), &format!("/api{request}")).send().await.unwrap();
            // Nobody is signed in here, so a call that exists refuses.
            assert!(matches!(response.status().as_u16(), 401 | 403), "{method} {path}: {}", response.status());
        }
    }
}

#[tokio::test]
async fn the_socket_contract_names_every_action_and_kind_of_frame() {
    let server = Server::start(&[]).await;
    let contract: Value = server.request(Method::GET, "/api/asyncapi.json").send().await.unwrap().json().await.unwrap();
    let messages = contract["components"]["messages"].to_string();
    for word in [
        "subscribe",
        "unsubscribe",
        "set_notify_list",
        "refresh",
        "ping",
        "subscribed",
        "unsubscribed",
        "notify_list",
        "refreshed",
        "pong",
        "notification",
        "error",
        "closing",
    ] {
        assert!(messages.contains(&format!("\"{word}\"")), "{word}");
    }
}

#[tokio::test]
async fn the_sign_in_is_discoverable_by_openid_clients() {
    let server = Server::start(&[]).await;
    let found = server.request(Method::GET, "/.well-known/openid-configuration").send().await.unwrap();
    let found: Value = found.json().await.unwrap();
    let keys: Value = server.request(Method::GET, "/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    assert!(keys["keys"][0].get("d").is_none(), "no private part");
    assert!(found["token_endpoint"].as_str().unwrap().ends_with("/oauth2/token"));
}
