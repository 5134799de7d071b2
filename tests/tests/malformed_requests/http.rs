//! HTTP itself: request lines, headers, host names, and which listener serves what.

use labelcast_tests::{Server, raw};
use serde_json::json;

use crate::{ask, is_ours, is_safe};

#[tokio::test]
async fn malformed_http_is_refused_in_our_error_format() {
    let server = Server::start(&[]).await;
    let host = format!("Host: {}\r\n", server.address());
    for (request, what) in [
        ("nonsense\r\n\r\n".to_owned(), "no request line"),
        (format!("GET /healthz HTTP/9.9\r\n{host}\r\n"), "a version that is none"),
        (format!("GET /healthz HTTP/1.1\r\n{host}no colon\r\n\r\n"), "a header without a colon"),
        (format!("GET /healthz HTTP/1.1\r\n{host}bad name: x\r\n\r\n"), "a header with a blank in its name"),
        (format!("GET /heal thz HTTP/1.1\r\n{host}\r\n"), "a blank in the path"),
        (format!("POST /oauth2/token HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n"), "a length that is none"),
        (format!("POST /oauth2/token HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), "two lengths"),
    ] {
        is_ours(&raw::send(server.address(), request.as_bytes()).await, 400, what);
    }
    assert_eq!(raw::get(server.address(), "/healthz", "").await.status, 200, "it goes on");
}

#[tokio::test]
async fn the_host_header_must_appear_once_and_name_this_server() {
    let server = Server::start(&["--public-url", "http://labels.example:8443"]).await;
    let address = server.address().to_owned();
    let port = address.rsplit(':').next().unwrap().to_owned();
    let ask =
        async |headers: String| raw::send(&address, format!("GET /healthz HTTP/1.1\r\n{headers}\r\n").as_bytes()).await;
    for good in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        // A forwarded port has another number.
        "localhost:1".to_owned(),
        "labels.example:8443".to_owned(),
    ] {
        assert_eq!(ask(format!("Host: {good}\r\n")).await.status, 200, "{good}");
    }
    for foreign in [format!("evil.example:{port}"), "evil.example".to_owned(), "localhost.evil.example".to_owned()] {
        is_ours(&ask(format!("Host: {foreign}\r\n")).await, 421, &foreign);
    }
    for bad in ["", "Host:\r\n", "Host: \r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: user@localhost\r\n"] {
        is_ours(&ask(bad.to_owned()).await, 400, bad);
    }
}

#[tokio::test]
async fn the_management_api_responds_like_api_gateway() {
    let server = Server::start(&[]).await;
    for path in [
        "/@connections/YkOibd6goAMCLjg=",
        "/@connections/x",
        "/%40connections/x",
        "/prod/@connections/x",
        "/live/@connections/x",
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let response = ask(&server, method, path, "", "").await;
            is_safe(&response, path);
            assert_eq!((response.status, response.json()), (403, json!({"message": "Forbidden"})), "{method} {path}");
            assert_eq!(response.header("x-amzn-errortype"), Some("ForbiddenException"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn metrics_are_served_on_a_separate_listener() {
    let server = Server::start(&[]).await;
    let address = server.metrics_address();
    let metrics = raw::get(address, "/metrics", "").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    assert!(String::from_utf8_lossy(&metrics.body).contains("labelcast_"));
    is_ours(&raw::get(address, "/healthz", "").await, 404, "nothing else is there");
    let foreign = raw::send(address, b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    is_ours(&foreign, 421, "a foreign name");
    is_ours(&raw::get(server.address(), "/metrics", "").await, 404, "not in public");
}
