//! Malformed requests to any endpoint get an error in our format, with the headers of every response, and the server keeps
//! working.

mod http;
mod links;
mod origins;
mod rest;
mod sockets;

use labelcast_tests::Server;
use labelcast_tests::raw::{self, Response};

fn is_safe(response: &Response, what: &str) {
    assert_ne!(response.status, 0, "no answer: {what}");
    assert!(response.status < 500, "{}: {what}", response.status);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}: {response:?}");
    assert_eq!(response.header("cross-origin-opener-policy"), Some("same-origin"), "{what}");
    assert_eq!(response.header("strict-transport-security"), None, "without TLS: {what}");
}

fn is_ours(response: &Response, status: u16, what: &str) {
    is_safe(response, what);
    assert_eq!(response.status, status, "{what}: {}", String::from_utf8_lossy(&response.body));
    assert!(response.code().is_some(), "{what}: {}", String::from_utf8_lossy(&response.body));
    let text = String::from_utf8_lossy(&response.body).to_lowercase();
    for word in ["deserialize", "u64", "usize", "serde", "expected struct", "invalid utf-8 sequence", "rejection"] {
        assert!(!text.contains(word), "{what}: the words of a parser: {text}");
    }
}

async fn ask(server: &Server, method: &str, target: &str, headers: &str, body: &str) -> Response {
    let address = server.address();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    raw::send(address, request.as_bytes()).await
}
