//! Closing connections.

use chrono::TimeDelta;
use futures_util::{SinkExt, StreamExt};
use labelcast_functions::model::Caller;
use labelcast_functions::ports::Connections;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::routes::is_known;
use super::{House, soon};

#[tokio::test]
async fn disconnect_reports_how_the_client_closed() {
    let mut house = House::open().await;
    let cases = [
        (Some(CloseFrame { code: 4001.into(), reason: "done".into() }), (4001, "done")),
        (Some(CloseFrame { code: 1000.into(), reason: "".into() }), (1000, "")),
        (None, (1005, "Client-side close frame status not set")),
    ];
    for (close, (code, reason)) in cases {
        let mut client = house.client().await;
        soon(client.stream.close(close)).await.unwrap();
        while soon(client.stream.next()).await.is_some() {}
        assert_eq!(house.disconnected().await, (code, reason.to_owned()));
        assert!(!is_known(&house.gateway, &client.id).await);
        assert!(house.gateway.socket(&client.id).is_none());
    }
    let client = house.client().await;
    drop(client);
    assert_eq!(house.disconnected().await.0, 1006);
}

/// What comes in-band before a close by the gateway.
fn word(before: &[String]) -> String {
    let word: Value = serde_json::from_str(before.last().unwrap()).unwrap();
    assert_eq!((&word["type"], &word["retry"]), (&"closing".into(), &true.into()));
    word["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_idle_connection_is_notified_and_closed_after_ten_minutes_unless_there_is_traffic() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    house.pass(TimeDelta::minutes(9));
    client.send(r#"{"do":"say","text":"here"}"#).await;
    assert_eq!(client.text().await, "here");
    house.pass(TimeDelta::minutes(9));
    client.send(r#"{"do":"say","text":"still here"}"#).await;
    assert_eq!(client.text().await, "still here");
    house.pass(TimeDelta::minutes(10));
    let (before, code, reason) = client.closed().await;
    assert_eq!((word(&before).as_str(), code, reason.as_str()), ("limit", 1001, "Going away"));
    while soon(client.stream.next()).await.is_some() {}
    assert_eq!(house.disconnected().await, (1001, "Going away".to_owned()));
}

#[tokio::test]
async fn a_connection_is_closed_after_two_hours() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    for _ in 0..14 {
        house.pass(TimeDelta::minutes(8));
        client.send(r#"{"do":"say","text":"here"}"#).await;
        assert_eq!(client.text().await, "here");
    }
    house.pass(TimeDelta::minutes(8));
    let (before, code, _) = client.closed().await;
    assert_eq!((word(&before).as_str(), code), ("limit", 1001));
}

#[tokio::test]
async fn a_connection_is_closed_within_25_seconds_of_its_tokens_expiry_unless_refreshed() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    let now = super::Clock::now(&*house.clock);
    let mut caller: Caller = house.gateway.get(&client.id).await.unwrap().unwrap().caller;
    caller.expires_at = now + TimeDelta::minutes(1);
    assert!(house.gateway.refresh(&client.id, &caller, &[]).await.unwrap());
    house.pass(TimeDelta::seconds(75));
    caller.expires_at = now + TimeDelta::minutes(2);
    assert!(house.gateway.refresh(&client.id, &caller, &[]).await.unwrap());
    house.pass(TimeDelta::seconds(45 + 24));
    let (before, code, _) = client.closed().await;
    assert_eq!((word(&before).as_str(), code), ("token_expired", 1008));
}

#[tokio::test]
async fn a_client_that_ignores_the_close_is_disconnected() {
    let mut house = House::open().await;
    let client = house.client().await;
    house.pass(TimeDelta::minutes(10));
    house.pass(TimeDelta::seconds(6));
    assert_eq!(house.disconnected().await, (1001, "Going away".to_owned()), "as it was begun");
    drop(client);
}

#[tokio::test]
async fn on_shutdown_clients_are_told_to_reconnect_and_disconnect_runs() {
    let mut house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(house.client().await);
    }
    let gateway = house.gateway.clone();
    let drained = tokio::spawn(async move { gateway.drain(Duration::from_secs(50)).await });
    for client in &mut clients {
        let (before, code, _) = client.closed().await;
        assert_eq!((word(&before).as_str(), code), ("server_shutdown", 1001));
        while soon(client.stream.next()).await.is_some() {}
    }
    soon(drained).await.unwrap();
    for client in &clients {
        assert!(!is_known(&house.gateway, &client.id).await);
    }
}

#[tokio::test]
async fn messages_after_the_close_are_ignored() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    house.pass(TimeDelta::minutes(10));
    soon(client.stream.send(r#"{"do":"say","text":"too late"}"#.into())).await.unwrap();
    let (before, code, _) = client.closed().await;
    assert_eq!((before.len(), code), (1, 1001));
    while soon(client.stream.next()).await.is_some() {}
    assert_eq!(house.disconnected().await.0, 1001);
}
