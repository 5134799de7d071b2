//! Messages from clients.

use labelcast_functions::model::ConnectionId;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::routes::Happened;
use super::{Client, House, soon};
use futures_util::StreamExt;

async fn message(house: &mut House) -> (ConnectionId, String) {
    loop {
        if let Happened::Message(from, text) = house.next().await {
            return (from, text);
        }
    }
}

#[tokio::test]
async fn a_message_is_passed_on_verbatim() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    let texts = [
        r#"{"action":"subscribe"}"#,
        r#"{ "action" : "ping" }"#,
        r#"{"action":"$connect"}"#,
        r#"["subscribe"]"#,
        "no JSON",
        "",
    ];
    for text in texts {
        client.send(text).await;
        assert_eq!(message(&mut house).await, (client.id.clone(), text.to_owned()));
    }
}

#[tokio::test]
async fn messages_are_handled_one_at_a_time_and_responses_keep_their_order() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    client.send(r#"{"do":"wait"}"#).await;
    for number in 0..50 {
        client.send(json!({"do": "say", "text": number.to_string()}).to_string()).await;
    }
    message(&mut house).await;
    assert!(house.happened.try_recv().is_err(), "the others wait for the first");
    house.routes.go_on.notify_one();
    for number in 0..50 {
        assert_eq!(client.text().await, number.to_string());
    }
}

#[tokio::test]
async fn a_ping_is_answered_even_while_a_message_is_handled() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    client.send(r#"{"do":"wait"}"#).await;
    message(&mut house).await;
    client.send(Message::Ping("here?".into())).await;
    assert_eq!(soon(client.stream.next()).await.unwrap().unwrap(), Message::Pong("here?".into()));
    house.routes.go_on.notify_one();
}

async fn fails(client: &mut Client) {
    let text = client.text().await;
    let request = text.split("\"requestId\":\"").nth(1).unwrap().trim_end_matches("\"}");
    let expected = format!(
        "{{\"message\": \"Internal server error\", \"connectionId\":\"{}\", \"requestId\":\"{request}\"}}",
        client.id
    );
    assert_eq!(text, expected);
    client.send(r#"{"do":"say","text":"still here"}"#).await;
    assert_eq!(client.text().await, "still here");
}

#[tokio::test]
async fn a_failed_message_gets_api_gateways_error_and_the_connection_stays_open() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    client.send(r#"{"do":"panic"}"#).await;
    fails(&mut client).await;
}

#[tokio::test]
async fn a_message_times_out_after_29_seconds_and_the_connection_stays_open() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    // While everything waits, time passes by itself.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    client.send(r#"{"do":"hang"}"#).await;
    fails(&mut client).await;
    assert_eq!(begun.elapsed().as_secs(), 29);
}

#[tokio::test]
async fn forbidden_frames_close_the_connection_with_their_code() {
    let mut house = House::open().await;
    let text = |bytes: Vec<u8>| Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true));
    let cases = [
        (Message::binary(b"binary".as_slice()), 1003),
        (text(vec![b'x'; 32 * 1024 + 1]), 1009),
        (text(b"not \xff UTF-8".to_vec()), 1007),
        (Message::Frame(Frame::message(b"continues nothing".as_slice(), OpCode::Data(Data::Continue), true)), 1002),
    ];
    for (message, code) in cases {
        let mut client = house.client().await;
        client.send(message).await;
        assert_eq!(client.closed().await.1, code);
        // Reads the end, so that the other side sees it.
        while soon(client.stream.next()).await.is_some() {}
        drop(client);
        assert_eq!(house.disconnected().await.0, code);
    }
}

#[tokio::test]
async fn a_frame_may_have_32_kib_and_a_message_128_kib() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    let part = |opcode, last| Message::Frame(Frame::message(vec![b'x'; 32 * 1024], OpCode::Data(opcode), last));
    client.send(part(Data::Text, false)).await;
    client.send(part(Data::Continue, false)).await;
    client.send(part(Data::Continue, false)).await;
    client.send(part(Data::Continue, true)).await;
    assert_eq!(message(&mut house).await.1.len(), 128 * 1024);
}
