//! Whatever is sent to whichever address: an error in our shape, with the headers that every answer has, and a server that
//! goes on.

use labelcast_tests::raw::{self, Response};
use labelcast_tests::{Server, picture};
use serde_json::{Value, json};

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

#[tokio::test]
async fn a_malformed_handshake_is_told_why() {
    let server = Server::start(&[]).await;
    let address = server.address().to_owned();
    let token = server.token("viewer").await;
    let shake = async |first: &str, host: &str, rest: &str| {
        let auth = format!("Authorization: Bearer {token}\r\n");
        raw::send(&address, format!("{first}\r\n{host}{auth}{rest}\r\n").as_bytes()).await
    };
    let (get, host) = ("GET /live HTTP/1.1", format!("Host: {address}\r\n"));
    let (upgrade, connection) = ("Upgrade: websocket\r\n", "Connection: Upgrade\r\n");
    let (version, key) = ("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    let right = format!("{upgrade}{connection}{version}{key}");
    assert_eq!(shake(get, &host, &right).await.status, 101);
    for (first, host, rest, expected) in [
        ("HEAD /live HTTP/1.1", host.as_str(), right.clone(), 400),
        ("GET /live HTTP/1.0", &host, right.clone(), 400),
        ("POST /live HTTP/1.1", &host, right.clone(), 405),
        (get, "", right.clone(), 400),
        (get, &format!("{host}{host}"), right.clone(), 400),
        (get, &host, String::new(), 426),
        (get, &host, format!("{connection}{version}{key}"), 426),
        (get, &host, format!("{upgrade}{version}{key}"), 400),
        (get, &host, format!("{upgrade}{connection}{key}"), 400),
        (get, &host, format!("{upgrade}{connection}{version}"), 400),
        (get, &host, format!("{right}{key}"), 400),
        (get, &host, format!("{right}{version}"), 400),
        (get, &host, format!("{upgrade}{connection}Sec-WebSocket-Version: 8\r\n{key}"), 426),
        (get, &host, format!("{upgrade}{connection}Sec-WebSocket-Version: x\r\n{key}"), 400),
        (get, &host, format!("{upgrade}{connection}{version}Sec-WebSocket-Key: short\r\n"), 400),
        (get, &host, format!("{upgrade}{connection}{version}Sec-WebSocket-Key: \r\n"), 400),
    ] {
        let response = shake(first, host, &rest).await;
        let what = format!("{first}, {host:?}, {rest:?}");
        is_safe(&response, &what);
        assert_eq!(response.status, expected, "{what}");
        assert!(first.starts_with("HEAD") || response.code().is_some(), "{what}: {response:?}");
        if expected == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"), "{what}");
        }
    }
    let unauthorized = raw::send(&address, format!("{get}\r\n{host}{right}\r\n").as_bytes()).await;
    is_safe(&unauthorized, "without a token");
    assert_eq!(unauthorized.status, 401);
}

#[tokio::test]
async fn a_web_page_opens_a_socket_only_from_our_origin_or_an_allowed_one() {
    let server =
        Server::start(&["--allowed-origin", "https://photos.example", "--allowed-origin", "http://localhost:5173"])
            .await;
    let address = server.address().to_owned();
    let token = server.token("viewer").await;
    let shake = async |origin: &str| {
        let headers = format!(
            "Authorization: Bearer {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}"
        );
        raw::get(&address, "/live", &headers).await.status
    };
    let own = format!("Origin: http://{address}\r\n");
    for good in ["", &own, "Origin: https://photos.example\r\n", "Origin: http://localhost:5173\r\n"] {
        assert_eq!(shake(good).await, 101, "{good}");
    }
    for foreign in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://photos.example\r\n",
        "Origin: https://photos.example.evil.example\r\n",
        "Origin: \r\n",
    ] {
        assert_eq!(shake(foreign).await, 403, "{foreign}");
    }
}

#[tokio::test]
async fn only_pages_of_allowed_origins_can_read_responses() {
    let server = Server::start(&["--allowed-origin", "https://photos.example"]).await;
    let closed = Server::start(&[]).await;
    let preflight =
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type\r\n";
    for path in ["/api/uploads", "/objects", "/oauth2/token"] {
        let allowed =
            ask(&server, "OPTIONS", path, &format!("Origin: https://photos.example\r\n{preflight}"), "").await;
        assert_eq!(allowed.status, 200, "{path}");
        assert_eq!(allowed.header("access-control-allow-origin"), Some("https://photos.example"), "{path}");
        let foreign = ask(&server, "OPTIONS", path, &format!("Origin: https://evil.example\r\n{preflight}"), "").await;
        assert_eq!(foreign.header("access-control-allow-origin"), None, "{path}");
        let nobody = ask(&closed, "OPTIONS", path, &format!("Origin: https://photos.example\r\n{preflight}"), "").await;
        assert_eq!((nobody.status, nobody.header("access-control-allow-origin")), (405, None), "{path}");
    }
    // Errors too can be read.
    let refused = raw::get(server.address(), "/api/images", "Origin: https://photos.example\r\n").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("https://photos.example")));
}

#[tokio::test]
async fn a_link_supports_conditional_and_range_requests() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let bytes = picture::jpeg(1);
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    server.upload(&token, "image/jpeg", bytes).await;
    let labelled = socket.notification("image.labelled").await;
    let link = labelled["data"]["image"]["thumbnail"].as_str().unwrap().to_owned();
    let target = link[link.find("/objects").unwrap()..].to_owned();
    let get = async |headers: &str| raw::get(server.address(), &target, headers).await;
    let whole = get("").await;
    is_safe(&whole, "the whole");
    let (etag, modified) =
        (whole.header("etag").unwrap().to_owned(), whole.header("last-modified").unwrap().to_owned());
    let size = whole.body.len();
    for (headers, expected) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: W/{etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Match: W/{etag}\r\n"), 412),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), 412),
        (format!("If-Unmodified-Since: {modified}\r\n"), 200),
        ("Range: bytes=0-9\r\n".to_owned(), 206),
        ("Range: bytes=-5\r\n".to_owned(), 206),
        ("Range: bytes=0-1,5-6\r\n".to_owned(), 200),
        ("Range: nonsense\r\n".to_owned(), 200),
        (format!("Range: bytes=0-9\r\nIf-Range: {etag}\r\n"), 206),
        (format!("Range: bytes=0-9\r\nIf-Range: W/{etag}\r\n"), 200),
        ("Range: bytes=0-9\r\nIf-Range: \"x\"\r\n".to_owned(), 200),
        (format!("Range: bytes={size}-\r\n"), 416),
        ("Range: bytes=-0\r\n".to_owned(), 416),
    ] {
        let response = get(&headers).await;
        is_safe(&response, &headers);
        assert_eq!(response.status, expected, "{headers}");
        if expected == 304 {
            assert_eq!(response.header("etag"), Some(etag.as_str()), "{headers}");
        }
        if expected == 416 {
            assert_eq!(response.header("content-range"), Some(format!("bytes */{size}").as_str()), "{headers}");
        }
    }
    let part = get("Range: bytes=-5\r\n").await;
    assert_eq!(part.body, whole.body[size - 5..]);
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
