//! Coming in.

use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::routes::{Happened, is_known};
use super::{House, soon};

#[tokio::test]
async fn the_authorizer_then_connect_hear_of_it_before_the_client_does() {
    let mut house = House::open().await;
    let request = house.request(&[("user-agent", "tests"), ("x-connect", "wait")]);
    let handshake = tokio::spawn(tokio_tungstenite::connect_async(request));
    let Happened::Authorized(authorized) = house.next().await else { panic!("the authorizer is first") };
    assert!(authorized.method_arn.ends_with("/live/$connect"));
    let Happened::Connected(event) = house.next().await else { panic!("then `$connect`") };
    assert!(!handshake.is_finished(), "the 101 is held back");
    let context = &event.request_context;
    assert_eq!(context.route_key.as_deref(), Some("$connect"));
    assert_eq!(context.event_type.as_deref(), Some("CONNECT"));
    assert_eq!(context.connected_at, 1_795_168_800_000);
    assert_eq!(context.request_time.as_deref(), Some("20/Nov/2026:10:00:00 +0000"));
    assert_eq!(context.identity.user_agent.as_deref(), Some("tests"));
    assert_eq!(context.authorizer.fields["level"], "7");
    assert_eq!(context.authorizer.fields["principalId"], "somebody");
    assert_eq!(event.headers["user-agent"], "tests");
    let id = context.connection_id.clone().unwrap();
    assert_eq!((id.len(), URL_SAFE.decode(&id).unwrap().len()), (16, 11));
    house.routes.go_on.notify_one();
    soon(handshake).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_is_refused_is_told_with_which_status() {
    let mut house = House::open().await;
    assert_eq!(house.refusal(&[("x-unauthorized", "yes")]).await, 401);
    assert_eq!(house.refusal(&[("x-unavailable", "yes")]).await, 503, "an outage of ours is no fault of the token");
    assert_eq!(house.refusal(&[("x-connect", "refuse")]).await, 403);
    assert_eq!(house.refusal(&[("x-connect", "fail")]).await, 502);
    assert_eq!(house.refusal(&[("x-connect", "panic")]).await, 502);
    house.gateway.drain(std::time::Duration::ZERO).await;
    assert_eq!(house.refusal(&[]).await, 503);
}

#[tokio::test]
async fn what_is_no_handshake_is_told_to_upgrade() {
    let house = House::open().await;
    for headers in ["", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n"] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let request = format!("GET /live HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon(stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 426");
    }
}

#[tokio::test]
async fn only_the_subprotocol_is_copied_from_the_answer_of_connect() {
    let house = House::open().await;
    let request = house.request(&[("sec-websocket-protocol", "labelcast.v1, bearer.x")]);
    let (_stream, response) = soon(Box::pin(tokio_tungstenite::connect_async(request))).await.unwrap();
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "labelcast.v1");
    assert!(response.headers().get("x-other").is_none());
}

#[tokio::test]
async fn a_client_that_hangs_up_while_connect_runs_leaves_nothing_behind() {
    let mut house = House::open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let request = "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-connect: wait\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let id = loop {
        if let Happened::Connected(event) = house.next().await {
            break event.request_context.connection_id.unwrap().parse().unwrap();
        }
    };
    drop(stream);
    house.routes.go_on.notify_one();
    assert_eq!(house.disconnected().await.0, 1006);
    assert!(!is_known(&house.gateway, &id).await);
}
