//! Detecting dead connections.

use chrono::TimeDelta;
use futures_util::{SinkExt, StreamExt};
use labelcast_functions::ports::{Frame, Pushed, Pusher};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::routes::Happened;
use super::{Client, House, soon};
use labelcast_functions::model::{Connection, ConnectionId};

impl Client {
    /// What comes next is a ping; reading it sends the pong.
    async fn pinged(&mut self) {
        match soon(self.stream.next()).await {
            Some(Ok(Message::Ping(_))) => soon(self.stream.flush()).await.unwrap(),
            other => panic!("a ping was expected, not {other:?}"),
        }
    }
}

/// A client that reads only on request and never responds by itself.
pub(super) async fn mute(house: &mut House) -> (TcpStream, ConnectionId) {
    // The system holds little for it, so that what it does not read is soon felt.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    let mut stream = socket.connect(house.address).await.unwrap();
    let request = "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        soon(stream.read_buf(&mut head)).await.unwrap();
    }
    loop {
        if let Happened::Connected(Connection { id, .. }) = house.next().await {
            // Its task runs from when it is found.
            while house.gateway.socket(&id).is_none() {
                tokio::task::yield_now().await;
            }
            return (stream, id);
        }
    }
}

/// Sends a short text over such a stream.
pub(super) async fn say(stream: &mut TcpStream, text: &str) {
    // Masked with zeros.
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame).await.unwrap();
}

#[tokio::test]
async fn the_server_pings_every_25_seconds_and_keeps_clients_that_respond() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    for _ in 0..4 {
        house.pass(TimeDelta::seconds(25));
        client.pinged().await;
        // The pong is on its way before this, on the same stream.
        client.send(r#"{"do":"say","text":"here"}"#).await;
        assert_eq!(client.text().await, "here");
    }
}

#[tokio::test]
async fn a_client_that_ignores_a_ping_for_20_seconds_is_closed() {
    let mut house = House::open().await;
    let (mut stream, _) = mute(&mut house).await;
    house.pass(TimeDelta::seconds(25));
    let mut ping = [0; 2];
    soon(stream.read_exact(&mut ping)).await.unwrap();
    assert_eq!(ping, [0x89, 0]);
    house.pass(TimeDelta::seconds(19));
    house.pass(TimeDelta::seconds(1));
    let mut rest = vec![0; 2];
    soon(stream.read_exact(&mut rest)).await.unwrap();
    assert_eq!(rest[0], 0x81, "notified in-band");
    assert_eq!(rest[1], 126, "the length follows, in 16 bits");
    let length = soon(stream.read_u16()).await.unwrap();
    let mut said = vec![0; length.into()];
    soon(stream.read_exact(&mut said)).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("\"code\":\"limit\"") && said.contains("a ping was not answered"), "{said}");
    // And does not respond to the close either.
    house.pass(TimeDelta::seconds(6));
    assert_eq!(house.disconnected().await, (1001, "ping timeout".to_owned()));
}

#[tokio::test]
async fn pings_and_pongs_do_not_keep_an_idle_connection_open() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    for _ in 0..23 {
        house.pass(TimeDelta::seconds(25));
        client.pinged().await;
        let socket = house.gateway.socket(&client.id).unwrap();
        soon(async {
            while !socket.is_answered() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    house.pass(TimeDelta::seconds(25));
    assert_eq!(client.closed().await.1, 1001);
}

#[tokio::test]
async fn a_slow_reader_is_not_considered_dead_while_it_makes_progress() {
    let mut house = House::open().await;
    let (mut stream, id) = mute(&mut house).await;
    let socket = house.gateway.socket(&id).unwrap();
    // More than the system holds, less than makes a slow consumer.
    let frame = Frame::encode(&json!({"filler": "x".repeat(30_000)})).unwrap();
    let mut sent = 0;
    while sent < 28 {
        assert!(house.gateway.push(vec![Pushed { frame: frame.clone(), to: vec![id.clone()] }]).await.is_empty());
        sent += 1;
    }
    let mut buffer = vec![0; 4096];
    let mut waited = socket.outbound().bytes();
    assert!(waited > 0, "the system does not hold all of it");
    while waited > 0 {
        // 44 seconds pass before anything moves, 19 at a time.
        for seconds in [19, 19, 6] {
            house.pass(TimeDelta::seconds(seconds));
        }
        let before = waited;
        soon(async {
            while waited == before {
                assert!(stream.read(&mut buffer).await.unwrap() > 0, "it is open");
                tokio::task::yield_now().await;
                waited = socket.outbound().bytes();
            }
        })
        .await;
        assert!(!socket.is_closing(), "it reads");
    }
}

#[tokio::test]
async fn a_jump_of_the_wall_clock_neither_closes_nor_keeps_connections() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    for step in [TimeDelta::hours(3), TimeDelta::hours(-6), TimeDelta::days(-400)] {
        house.step(step);
        client.send(r#"{"do":"say","text":"here"}"#).await;
        assert_eq!(client.text().await, "here");
    }
    house.pass(TimeDelta::minutes(10));
    assert_eq!(client.closed().await.1, 1001, "idle all the same");
}
