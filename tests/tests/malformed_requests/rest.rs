//! REST and everything beside it: methods, paths, query strings, bodies.

use labelcast_tests::{Server, raw};
use serde_json::{Value, json};

use crate::{ask, is_ours, is_safe};

/// Each path of the REST API with a method that it takes, and whether it wants a token, a key or nothing.
const REST: [(&str, &str); 13] = [
    ("GET", "/api/images"),
    ("GET", "/api/labels"),
    ("GET", "/api/moderation"),
    ("GET", "/api/search"),
    ("POST", "/api/uploads"),
    ("GET", "/api/uploads/x"),
    ("GET", "/api/images/x"),
    ("DELETE", "/api/images/x"),
    ("GET", "/api/images/x/original"),
    ("GET", "/api/images/x/thumbnail"),
    ("GET", "/api/history/labels"),
    ("POST", "/api/topics/app:x"),
    ("GET", "/api/openapi.json"),
];

/// What stands beside the API.
const OTHERS: [(&str, &str); 13] = [
    ("GET", "/"),
    ("GET", "/web/settings.json"),
    ("GET", "/web/"),
    ("GET", "/healthz"),
    ("GET", "/login.css"),
    ("GET", "/login"),
    ("GET", "/logout"),
    ("GET", "/oauth2/authorize"),
    ("POST", "/oauth2/token"),
    ("GET", "/oauth2/userInfo"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/openid-configuration"),
    ("POST", "/objects"),
];

#[tokio::test]
async fn every_endpoint_refuses_invalid_requests_in_our_error_format() {
    let server = Server::start(&[]).await;
    let token = format!("Authorization: Bearer {}\r\n", server.token("viewer").await);
    for (method, path) in REST.into_iter().chain(OTHERS) {
        let response = ask(&server, method, path, "", "").await;
        is_safe(&response, &format!("{method} {path}"));
        for wrong in ["PUT", "PATCH", "TRACE", "BREW", "OPTIONS"] {
            let response = ask(&server, wrong, path, &token, "").await;
            is_ours(&response, 405, &format!("{wrong} {path}"));
            assert!(
                response.header("allow").is_some_and(|allow| allow.contains(method)),
                "{wrong} {path}: {response:?}"
            );
        }
    }
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/web/nothing.js",
        "/live/x",
        "/oauth2",
        "/objects/../x",
        "/metrics",
        "//",
        "*",
    ] {
        let response = ask(&server, "GET", path, &token, "").await;
        is_safe(&response, path);
        assert!(matches!(response.status, 400 | 403 | 404), "{path}: {response:?}");
        assert!(response.code().is_some() || path.starts_with("/objects"), "{path}: {response:?}");
    }
}

#[tokio::test]
async fn an_invalid_query_string_is_400_with_a_reason() {
    let server = Server::start(&[]).await;
    let viewer = format!("Authorization: Bearer {}\r\n", server.token("viewer").await);
    let moderator = format!("Authorization: Bearer {}\r\n", server.token("moderator").await);
    let key = server.command(&["keys", "add", "one", "--allow", "search"]).await;
    let key = format!("x-api-key: {key}\r\n");
    for (path, parameters, who) in [
        ("/api/images", &["q", "min_confidence", "language", "limit", "cursor"][..], &viewer),
        ("/api/search", &["label", "limit", "cursor"], &key),
        ("/api/labels", &["prefix", "limit"], &viewer),
        ("/api/moderation", &["status", "limit", "cursor"], &moderator),
        ("/api/history/labels", &["since", "limit"], &viewer),
    ] {
        let needed = if path == "/api/search" { "label=dog&" } else { "" };
        for parameter in parameters {
            let needed = if *parameter == "label" { "" } else { needed };
            for bad in ["%ff", "%C3%28", "a%80", "%ED%A0%80"] {
                let target = format!("{path}?{needed}{parameter}={bad}");
                is_ours(&ask(&server, "GET", &target, who, "").await, 400, &target);
            }
            let twice = format!("{path}?{needed}{parameter}=1&{parameter}=1");
            is_ours(&ask(&server, "GET", &twice, who, "").await, 400, &twice);
        }
        let unknown = format!("{path}?{needed}nobody_asks_for_this=%ff");
        is_ours(&ask(&server, "GET", &unknown, who, "").await, 400, &unknown);
    }
    for target in [
        "/api/images?limit=0",
        "/api/images?limit=-1",
        "/api/images?limit=1.5",
        "/api/images?limit=99999999999999999999",
        "/api/images?min_confidence=x",
        "/api/images?min_confidence=NaN",
        "/api/images?cursor=%00",
        "/api/history/%ff",
        "/api/history/a%80",
        "/api/uploads/%ff",
        "/api/images/%ff",
        "/web/%ff",
        "/login?state=%ff",
        "/oauth2/authorize?client_id=%ff",
        "/oauth2/authorize?state=1&state=2",
        "/logout?logout_uri=%ff",
    ] {
        is_ours(&ask(&server, "GET", target, &viewer, "").await, 400, target);
    }
    // Raw bytes that are no UTF-8 at all, not even encoded.
    let address = server.address();
    let request =
        [b"GET /api/images?q=\xff\xfe HTTP/1.1\r\nHost: ", address.as_bytes(), b"\r\n", viewer.as_bytes(), b"\r\n"];
    is_ours(&raw::send(address, &request.concat()).await, 400, "raw bytes");
}

#[tokio::test]
async fn overlong_urls_and_headers_are_refused_in_our_error_format() {
    let server = Server::start(&[]).await;
    let token = format!("Authorization: Bearer {}\r\n", server.token("viewer").await);
    for (length, expected) in [(2_000, 400), (20_000, 414), (60_000, 414), (100_000, 414), (1_000_000, 414)] {
        let target = format!("/api/images?q={}", "a".repeat(length));
        let response = ask(&server, "GET", &target, &token, "").await;
        assert!(
            response.status == expected || length > 60_000 && response.status == 431,
            "{length}: {}",
            response.status
        );
        is_ours(&response, response.status, &format!("{length} characters"));
    }
    let response = ask(&server, "GET", "/api/images", &format!("x-long: {}\r\n", "a".repeat(100_000)), "").await;
    is_ours(&response, 431, "a long header");
    let many = "x-many: x\r\n".repeat(200);
    is_ours(&ask(&server, "GET", "/api/images", &many, "").await, 431, "many headers");
    for target in [format!("/live?x={}", "a".repeat(4_096)), format!("/live?{}", "a".repeat(30_000))] {
        is_ours(&ask(&server, "GET", &target, &token, "").await, 414, "a long URL of the socket");
    }
}

#[tokio::test]
async fn an_invalid_body_is_refused_with_a_reason() {
    let server = Server::start(&[]).await;
    let token = format!("Authorization: Bearer {}\r\n", server.token("viewer").await);
    let key = server.command(&["keys", "add", "one", "--allow", "publish:app:x"]).await;
    let key = format!("x-api-key: {key}\r\n");
    let json = "Content-Type: application/json\r\n";
    for (path, who) in [("/api/uploads", &token), ("/api/topics/app:x", &key)] {
        for (headers, body, expected) in [
            ("", "{}", 415),
            ("Content-Type: text/plain\r\n", "{}", 415),
            (json, "", 400),
            (json, "{", 400),
            (json, "[]", 400),
            (json, "null", 400),
            (json, "{}", 400),
            (json, "{\"a\":\"\\ud800\"}", 400),
            (json, &"[".repeat(10_000), 400),
            (json, &format!("{{\"name\":\"{}\"}}", "x".repeat(300_000)), 413),
        ] {
            let response = ask(&server, "POST", path, &format!("{who}{headers}"), body).await;
            is_ours(&response, expected, &format!("{path} {headers} {}", &body[..body.len().min(40)]));
        }
    }
    let begin =
        async |body: Value| ask(&server, "POST", "/api/uploads", &format!("{token}{json}"), &body.to_string()).await;
    for (body, field) in [
        (json!({"name": "a", "content_type": "image/png", "size": "10"}), "size"),
        (json!({"name": "a", "content_type": "image/png", "size": -1}), "size"),
        (json!({"name": 1, "content_type": "image/png", "size": 1}), "name"),
        (json!({"content_type": "image/png", "size": 1}), "name"),
    ] {
        let response = begin(body).await;
        is_ours(&response, 400, field);
        assert!(String::from_utf8_lossy(&response.body).contains(&format!("`{field}`")), "{response:?}");
    }
}
