//! Unauthenticated clients get few resources and cannot displace others.

use std::time::Duration;

use labelcast_tests::{Server, Socket, picture, raw};
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that never ends.
async fn dawdle(address: &str, forwarded: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /objects HTTP/1.1\r\nHost: {address}\r\n{forwarded}Content-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: 100000\r\n\r\n--x\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn has_ended(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_mins(1), stream.read(&mut buffer)).await.expect("it is let go") {
            Ok(0) | Err(_) => return true,
            Ok(_) => {}
        }
    }
}

#[tokio::test]
async fn slow_requests_of_one_address_are_dropped_and_signed_in_clients_stay() {
    let server = Server::start(&["--unauthenticated-per-address", "20"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(dawdle(server.address(), "").await);
    }
    // Until one is old enough to give way, further ones are refused with a word.
    let mut served = false;
    for _ in 0..600 {
        match server.request(Method::GET, "/healthz").send().await {
            Ok(response) if response.status() == StatusCode::OK => served = true,
            Ok(response) => assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS),
            Err(_) => {}
        }
        if served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(served, "slow requests keep others of their address out");
    assert!(has_ended(&mut slow[0]).await);
    socket.subscribe(&["uploads"]).await;
    server.upload(&token, "image/jpeg", picture::jpeg(1)).await;
    socket.notification("image.labelled").await;
}

#[tokio::test]
async fn behind_a_proxy_requests_count_by_client_address() {
    let server = Server::start(&["--behind-proxy", "--unauthenticated-per-address", "3"]).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        slow.push(dawdle(server.address(), "X-Forwarded-For: 203.0.113.9\r\n").await);
    }
    let from = async |address: &str| {
        raw::get(server.address(), "/healthz", &format!("X-Forwarded-For: {address}\r\n")).await.status
    };
    // The slow ones have to be in, which they are once a fourth is refused, or an old one of them gave way.
    assert_eq!(from("198.51.100.1").await, 200, "another client of the same proxy");
    assert!(matches!(from("203.0.113.9:4711").await, 200 | 429));
    let token = server.token("viewer").await;
    let signed_in = format!("X-Forwarded-For: 203.0.113.9\r\nAuthorization: Bearer {token}\r\n");
    let mut status = 429;
    for _ in 0..600 {
        status = raw::get(server.address(), "/api/images", &signed_in).await.status;
        if status != 429 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_unauthenticated_request_body_has_ten_seconds() {
    let server = Server::start(&[]).await;
    let address = server.address().to_owned();
    let mut streams = Vec::new();
    for path in ["/objects", "/oauth2/token", "/login?client_id=x"] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let kind = match path {
            "/objects" => "multipart/form-data; boundary=x",
            _ => "application/x-www-form-urlencoded",
        };
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push((path, stream));
    }
    let begun = std::time::Instant::now();
    for (path, mut stream) in streams {
        // A byte each second keeps nothing alive.
        let dripping = async {
            loop {
                let mut buffer = [0; 1024];
                tokio::select! {
                    read = stream.read(&mut buffer) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    },
                    () = tokio::time::sleep(Duration::from_secs(1)) => {
                        if stream.write_all(b"x").await.is_err() {
                            return;
                        }
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(40), dripping).await.unwrap_or_else(|_| panic!("{path} goes on"));
    }
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[tokio::test]
async fn at_the_limit_a_connection_is_refused_before_its_handshake_and_open_ones_are_kept() {
    let server = Server::start(&["--max-connections", "4"]).await;
    let token = server.token("viewer").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(server.connect(&token).await);
    }
    let refused = raw::get(server.address(), "/healthz", "").await;
    assert_eq!((refused.status, refused.code().as_deref()), (503, Some("unavailable")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(Socket::open(server.address(), &token).await.is_err());
    for socket in &mut open {
        let (_, pong) = socket.ask(serde_json::json!({"action": "ping", "ref": "p"})).await;
        assert_eq!(pong["type"], "pong");
    }
    open.pop();
    let mut status = 503;
    for _ in 0..600 {
        status = raw::get(server.address(), "/healthz", "").await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200, "a place that became free is taken");
}

#[tokio::test]
async fn impossible_settings_are_refused_naming_their_bounds() {
    for (option, value, bounds) in [
        ("--topics-per-connection", "475", "from 1 to 200"),
        ("--topics-per-connection", "0", "from 1 to 200"),
        ("--max-labels", "0", "from 1 to 50"),
        ("--uploads-per-hour", "-1", "from 1 to"),
        ("--connections-per-user", "0", "from 1 to"),
        ("--messages-per-second", "0", "from 1 to"),
        ("--max-attempts", "0", "from 1 to 100"),
        ("--replay-limit", "99999999999999999999", "from 0 to 100000"),
        ("--history-hours", "0", "from 1 to 87600"),
        ("--history-entries", "x", "from 0 to"),
        ("--max-connections", "0", "from 1 to"),
        ("--unauthenticated-per-address", "0", "from 1 to"),
        ("--max-connections", "10000001", "from 1 to"),
        ("--unauthenticated-per-address", "10000001", "from 1 to"),
        ("--max-backlog", "0", "from 1 to"),
        ("--ping-seconds", "0", "from 1 to 600"),
        ("--ping-seconds", "601", "from 1 to 600"),
        ("--new-days", "0", "from 1 to 3650"),
        ("--new-days", "3651", "from 1 to 3650"),
        ("--rejected-days", "0", "from 1 to 3650"),
        ("--memory-budget", "1MiB", "from 64 MiB to"),
        ("--memory-budget", "1000000GiB", "from 64 MiB to"),
        ("--memory-budget", "much", "512MiB"),
        ("--reader", "labels=everyone", ""),
        ("--min-confidence", "101", "0 to 100"),
        ("--allowed-origin", "*", "https://photos.example.com"),
        ("--public-url", "https://a/api", "/labels"),
        ("--metrics", "9100", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let argument = format!("{option}={value}");
        let mut command =
            labelcast_tests::server::labelcast(&["serve", "--listen", "127.0.0.1:0", &argument, "--data"]);
        let output = command.arg(directory.path()).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{argument}: {said}");
        assert!(said.contains(option) && said.contains(value) && said.contains(bounds), "{argument}: {said}");
    }
}
