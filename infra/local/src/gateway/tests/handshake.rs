//! Handshakes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::routes::{Happened, is_known};
use super::{House, soon};

/// A right handshake, but for the empty line at its end.
const RIGHT: &str = "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn the_authorizer_and_connect_run_before_the_client_gets_a_response() {
    let mut house = House::open().await;
    let request = house.request(&[("authorization", "Bearer wait")]);
    let handshake = tokio::spawn(tokio_tungstenite::connect_async(request));
    let Happened::Authorized(token) = house.next().await else { panic!("the authorizer is first") };
    assert_eq!(token.as_deref(), Some("wait"));
    let Happened::Connected(connection) = house.next().await else { panic!("then `$connect`") };
    assert!(!handshake.is_finished(), "the 101 is held back");
    assert_eq!(connection.connected_at.timestamp_millis(), 1_795_168_800_000);
    assert_eq!(connection.caller.user.to_string(), "somebody", "whom the authorizer named");
    let id = connection.id.to_string();
    assert_eq!((id.len(), URL_SAFE.decode(&id).unwrap().len()), (16, 11), "as API Gateway's are");
    house.routes.go_on.notify_one();
    soon(handshake).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refused_handshake_gets_its_status() {
    let mut house = House::open().await;
    let cases = [
        ("unauthorized", 401),
        ("unavailable", 503),
        ("revoked", 401),
        ("too-many", 429),
        ("fail", 502),
        ("panic", 502),
    ];
    for (token, status) in cases {
        assert_eq!(house.refusal(&[("authorization", token)]).await, status, "{token}");
    }
    house.gateway.drain(std::time::Duration::ZERO).await;
    assert_eq!(house.refusal(&[]).await, 503);
}

#[tokio::test]
async fn a_request_that_is_not_a_handshake_is_told_to_upgrade() {
    let house = House::open().await;
    for headers in ["", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n"] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let request = format!("GET /live HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = [0; 12];
        soon(stream.read_exact(&mut response)).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 426");
    }
}

#[tokio::test]
async fn our_subprotocol_is_selected_from_those_offered_and_the_token_is_not_echoed() {
    let house = House::open().await;
    let cases = [(Some("labelcast.v1, bearer.x"), Some("labelcast.v1")), (Some("bearer.x"), None), (None, None)];
    for (offered, chosen) in cases {
        let offered = offered.map(|offered| format!("Sec-WebSocket-Protocol: {offered}\r\n")).unwrap_or_default();
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(format!("{RIGHT}{offered}\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            soon(stream.read_buf(&mut head)).await.unwrap();
        }
        let head = String::from_utf8(head).unwrap();
        let lines: Vec<&str> = head.lines().filter(|line| line.starts_with("sec-websocket-protocol")).collect();
        let expected: Vec<String> = chosen.into_iter().map(|ours| format!("sec-websocket-protocol: {ours}")).collect();
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn a_token_is_accepted_in_the_header_or_as_a_subprotocol() {
    let mut house = House::open().await;
    for (header, value) in [("authorization", "Bearer abc"), ("sec-websocket-protocol", "labelcast.v1, bearer.abc")] {
        let request = house.request(&[(header, value)]);
        let _stream = soon(Box::pin(tokio_tungstenite::connect_async(request))).await.unwrap();
        loop {
            if let Happened::Authorized(token) = house.next().await {
                assert_eq!(token.as_deref(), Some("abc"), "{header}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_while_connect_runs_leaves_nothing_behind() {
    let mut house = House::open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(format!("{RIGHT}Authorization: wait\r\n\r\n").as_bytes()).await.unwrap();
    let id = loop {
        if let Happened::Connected(connection) = house.next().await {
            break connection.id;
        }
    };
    drop(stream);
    house.routes.go_on.notify_one();
    assert_eq!(house.disconnected().await.0, 1006);
    assert!(!is_known(&house.gateway, &id).await);
}
