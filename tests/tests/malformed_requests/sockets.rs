//! Handshakes of the WebSocket.

use labelcast_tests::{Server, raw};

use crate::is_safe;

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
