//! Frames sent to clients.

use futures_util::StreamExt;
use labelcast_functions::model::{ConnectionId, Seq};
use labelcast_functions::ports::{Connections, Frame, Pushed, Pusher, Unreached, Which};
use serde_json::{Value, json};

use super::liveness::{mute, say};
use super::routes::{Happened, topic};
use super::{Client, House, soon};
use std::io::Read;
use std::time::Duration;

fn frame(seq: u64, filler: usize) -> Frame {
    Frame::encode(&json!({"seq": seq, "filler": "x".repeat(filler)})).unwrap()
}

async fn receivers(house: &House, seq: u64) -> Vec<ConnectionId> {
    let mut to = Vec::new();
    house.gateway.visit(&topic(), Seq(seq), Which::All, &mut |one| to.push(one.connection.clone())).await.unwrap();
    to
}

async fn subscribed(house: &mut House) -> Client {
    let mut client = house.client().await;
    client.send(r#"{"do":"subscribe"}"#).await;
    assert_eq!(client.json().await["type"], "subscribed");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_receive_everything_in_order() {
    let mut house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        clients.push(subscribed(&mut house).await);
    }
    let pusher = tokio::spawn(async move {
        for first in (1..=100).step_by(5) {
            let mut pushed = Vec::new();
            for seq in first..first + 5 {
                pushed.push(Pushed { frame: frame(seq, 200), to: receivers(&house, seq).await });
            }
            assert_eq!(pushed[0].to.len(), 1_000);
            assert!(house.gateway.push(pushed).await.is_empty());
        }
        house
    });
    for client in &mut clients {
        for seq in 1..=100 {
            assert_eq!(client.json().await["seq"], seq);
        }
    }
    soon(pusher).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_notified_and_closed_without_delaying_others() {
    let mut house = House::open().await;
    let mut slow = subscribed(&mut house).await;
    let mut quick = subscribed(&mut house).await;
    // The quick one reads along, which is what makes it quick.
    let (number, mut read) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        while let Some(Ok(message)) = quick.stream.next().await {
            let Ok(text) = message.into_text() else { break };
            let value: Value = serde_json::from_str(&text).unwrap();
            number.send(value["seq"].as_u64().unwrap()).unwrap();
        }
    });
    let mut seq = 0;
    let unreached = loop {
        seq += 1;
        assert!(seq < 100_000, "a queue is bounded");
        let pushed = Pushed { frame: frame(seq, 30_000), to: receivers(&house, seq).await };
        let unreached = house.gateway.push(vec![pushed]).await;
        assert_eq!(soon(read.recv()).await, Some(seq), "nobody is held up");
        if !unreached.is_empty() {
            break unreached;
        }
    };
    assert_eq!(unreached, [(slow.id.clone(), Unreached::Slow)]);
    let (before, code, _) = slow.closed().await;
    let word: Value = serde_json::from_str(before.last().unwrap()).unwrap();
    assert_eq!((word["type"].as_str(), word["code"].as_str()), (Some("closing"), Some("slow_consumer")));
    assert_eq!(code, 1008);
    let seqs =
        before[..before.len() - 1].iter().map(|text| serde_json::from_str::<Value>(text).unwrap()["seq"].clone());
    assert!(seqs.eq((1..).map(Value::from).take(before.len() - 1)), "what it got is a beginning without holes");
    while soon(slow.stream.next()).await.is_some() {}
    assert_eq!(house.disconnected().await, (1008, "slow consumer".to_owned()));
    reader.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_larger_than_the_queue_does_not_make_a_reader_slow() {
    let mut house = House::open().await;
    let mut client = subscribed(&mut house).await;
    let to = receivers(&house, 1).await;
    // More frames than may wait; their bytes fit into the buffers of the system.
    let pushed = (1..=3_000).map(|seq| Pushed { frame: frame(seq, 0), to: to.clone() }).collect();
    assert!(house.gateway.push(pushed).await.is_empty());
    for seq in 1..=3_000 {
        assert_eq!(client.json().await["seq"], seq);
    }
}

#[tokio::test]
async fn a_replay_of_any_length_waits_for_its_reader() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    client.send(r#"{"do":"replay","count":1000}"#).await;
    // Ten times what may wait for a connection.
    for number in 0..1_000 {
        assert_eq!(client.json().await["number"], number);
    }
    assert_eq!(client.text().await, "replayed");
}

#[tokio::test]
async fn a_replay_over_a_slow_link_has_no_deadline_while_it_makes_progress() {
    let mut house = House::open().await;
    let (mut stream, _) = mute(&mut house).await;
    // While everything waits, time passes by itself.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    say(&mut stream, r#"{"do":"replay and go live","count":100}"#).await;
    // Read where waiting holds the time still: a second passes with each read, and none while the server is at work.
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let stream = std::sync::Arc::new(stream);
    let mut received = Vec::new();
    while !received.ends_with(br#"{"type":"subscribed"}"#) {
        let reader = stream.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; 16 * 1024];
            let read = (&*reader).read(&mut buffer).unwrap();
            buffer.truncate(read);
            buffer
        });
        let read = read.await.unwrap();
        assert!(!read.is_empty(), "it ended early, after {} bytes", received.len());
        received.extend_from_slice(&read);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(received.len() > 1_000_000, "all of it");
    assert!(begun.elapsed().as_secs() > 29, "it took long");
}

#[tokio::test]
async fn a_replay_to_a_stalled_reader_is_cut_off_after_29_seconds() {
    let mut house = House::open().await;
    let (mut stream, _) = mute(&mut house).await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    say(&mut stream, r#"{"do":"replay and go live","count":1000}"#).await;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The second is over: who closes still may read what is left.
        house.pass(chrono::TimeDelta::seconds(1));
        if let Ok(Happened::Disconnected(ended)) = house.happened.try_recv() {
            assert_eq!(ended.code, 1008);
            break;
        }
        assert!(begun.elapsed().as_secs() < 60, "it is not kept for ever");
    }
    assert!(begun.elapsed().as_secs() >= 29);
}

#[tokio::test]
async fn a_replay_that_never_completes_closes_its_connection() {
    let mut house = House::open().await;
    let mut client = house.client().await;
    client.send(r#"{"do":"begin a replay and forget it"}"#).await;
    assert_eq!(client.closed().await.1, 1011);
}

#[tokio::test]
async fn a_gone_receiver_is_reported_without_affecting_the_others() {
    let mut house = House::open().await;
    let gone = subscribed(&mut house).await;
    let mut here = subscribed(&mut house).await;
    let to = vec![gone.id.clone(), here.id.clone()];
    let gone_id = gone.id.clone();
    drop(gone);
    house.disconnected().await;
    let unreached = house.gateway.push(vec![Pushed { frame: frame(1, 0), to }]).await;
    assert_eq!(unreached, [(gone_id.clone(), Unreached::Gone)]);
    assert_eq!(here.json().await["seq"], 1);
    assert_eq!(house.gateway.post(&gone_id, frame(2, 0)).await, Err(Unreached::Gone));
    house.gateway.close(&gone_id).await.unwrap();
}
