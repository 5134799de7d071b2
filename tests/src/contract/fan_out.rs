//! [`labelcast_functions::ports::Connections`]: who is due a notification, and the switch from replay to live.

use std::collections::BTreeSet;

use labelcast_functions::model::{Connection, Cursor, Epoch, Label, Seq, Topic, TopicKey};
use labelcast_functions::ports::{Frame, GoLive, Replacing, Subscription, Which};
use labelcast_functions::query::Bucket;
use serde_json::json;

use super::Backend;
use super::samples::{app, connect, name, percent, subscription};

fn at(seq: u64) -> Cursor {
    Cursor { epoch: Epoch::from_random([7; 8]), seq: Seq(seq) }
}

async fn subscribe(backend: &impl Backend, request: &Subscription) {
    let port = &backend.ports().connections;
    port.subscribe(&request.connection, std::slice::from_ref(request), Replacing::Same, 100).await.unwrap();
}

async fn go_live(backend: &impl Backend, connection: &Connection, topic: &TopicKey, seq: u64) -> GoLive {
    let response = Frame::encode(&json!({"type": "subscribed"})).expect("it is small");
    backend.ports().connections.go_live(&connection.id, &[(topic.clone(), at(seq))], response).await.unwrap()
}

/// Who would be shown, in order of their ids; each at most once.
async fn due(backend: &impl Backend, topic: &TopicKey, seq: u64, which: Which<'_>) -> Vec<String> {
    let mut shown = Vec::new();
    let mut visitor = |subscription: &Subscription| shown.push(subscription.connection.to_string());
    backend.ports().connections.visit(topic, Seq(seq), which, &mut visitor).await.unwrap();
    let distinct: BTreeSet<String> = shown.iter().cloned().collect();
    assert_eq!(distinct.len(), shown.len(), "each once");
    distinct.into_iter().collect()
}

/// Live waits for replay, and what was replayed is not pushed again (`docs/guarantees.md#live-waits-for-replay`).
pub async fn no_receiver_is_due_a_notification_covered_by_its_replay(backend: impl Backend) {
    let (one, _socket) = backend.open().await;
    let one = backend.ports().connections.get(&one).await.unwrap().unwrap();
    let topic = app("builds");
    subscribe(&backend, &subscription(&one, topic.clone(), None)).await;
    assert_eq!(due(&backend, &topic, 1, Which::All).await, Vec::<String>::new(), "while it is replaying");
    // What was passed over has to be replayed before.
    assert_eq!(go_live(&backend, &one, &topic, 0).await, GoLive::Behind);
    assert_eq!(go_live(&backend, &one, &topic, 1).await, GoLive::Live);
    assert_eq!(due(&backend, &topic, 1, Which::All).await, Vec::<String>::new(), "it was replayed that one");
    assert_eq!(due(&backend, &topic, 2, Which::All).await, [one.id.to_string()]);
    assert_eq!(due(&backend, &app("deploys"), 2, Which::All).await, Vec::<String>::new(), "it is another topic's");
    // Subscribing again replays again.
    subscribe(&backend, &subscription(&one, topic.clone(), None)).await;
    assert_eq!(due(&backend, &topic, 3, Which::All).await, Vec::<String>::new());
}

/// The answer reaches the client, and before it what was posted.
pub async fn going_live_sends_the_response_after_the_replay(backend: impl Backend) {
    let (id, mut socket) = backend.open().await;
    let one = backend.ports().connections.get(&id).await.unwrap().unwrap();
    let topic = app("builds");
    subscribe(&backend, &subscription(&one, topic.clone(), None)).await;
    for number in 1..=3 {
        let frame = Frame::encode(&json!({"number": number})).expect("it is small");
        backend.ports().pusher.post(&id, frame).await.unwrap();
    }
    assert_eq!(go_live(&backend, &one, &topic, 3).await, GoLive::Live);
    for number in 1..=3 {
        assert_eq!(socket.frame().await, json!({"number": number}));
    }
    assert_eq!(socket.frame().await, json!({"type": "subscribed"}));
}

/// It must not get a `subscribed` response.
pub async fn a_gone_connection_does_not_go_live(backend: impl Backend) {
    let one = connect(&backend, "a1", "anna").await;
    let topic = app("builds");
    subscribe(&backend, &subscription(&one, topic.clone(), None)).await;
    backend.ports().connections.remove(&one).await.unwrap();
    assert_eq!(go_live(&backend, &one, &topic, 0).await, GoLive::Gone);
}

/// An image asks for its own labels' filters only; each that matches is among them.
pub async fn filters_are_found_through_their_buckets(backend: impl Backend) {
    let topic = TopicKey::Shared(Topic::Labels);
    let filters =
        [None, Some("dog"), Some("cat OR dog"), Some("su*"), Some("-person"), Some("dog sunset"), Some("car")];
    let mut sockets = Vec::new();
    let mut ids = Vec::new();
    for filter in filters {
        let (id, socket) = backend.open().await;
        sockets.push(socket);
        let one = backend.ports().connections.get(&id).await.unwrap().unwrap();
        subscribe(&backend, &subscription(&one, topic.clone(), filter)).await;
        assert_eq!(go_live(&backend, &one, &topic, 0).await, GoLive::Live);
        ids.push((filter, id.to_string()));
    }
    let labels = ["dog", "sunset"].map(|label| Label::new(name(label), percent(90.0)));
    let buckets: BTreeSet<Bucket> = Bucket::requested_by(&labels);
    let shown: BTreeSet<String> = due(&backend, &topic, 1, Which::InBuckets(&buckets)).await.into_iter().collect();
    for (filter, id) in &ids {
        match *filter {
            // Filed under what the image does not have: it is not even asked.
            Some("car") => assert!(!shown.contains(id), "{filter:?}"),
            _ => assert!(shown.contains(id), "{filter:?}"),
        }
    }
    assert_eq!(due(&backend, &topic, 2, Which::All).await.len(), ids.len());
    // A filter that was replaced is indexed under the new one only.
    let (_, dog) = &ids[1];
    let one = backend.ports().connections.get(&dog.parse().unwrap()).await.unwrap().unwrap();
    subscribe(&backend, &subscription(&one, topic.clone(), Some("car"))).await;
    assert_eq!(go_live(&backend, &one, &topic, 2).await, GoLive::Live);
    assert!(!due(&backend, &topic, 3, Which::InBuckets(&buckets)).await.contains(dog));
}

/// Whatever is removed, ended or replaced.
pub async fn an_ended_subscription_is_due_nothing(backend: impl Backend) {
    let topic = app("builds");
    let mut open = Vec::new();
    for _ in 0..4 {
        let (id, socket) = backend.open().await;
        let one = backend.ports().connections.get(&id).await.unwrap().unwrap();
        subscribe(&backend, &subscription(&one, topic.clone(), None)).await;
        go_live(&backend, &one, &topic, 0).await;
        open.push((one, socket));
    }
    let port = &backend.ports().connections;
    port.unsubscribe(&open[0].0.id, std::slice::from_ref(&topic)).await.unwrap();
    port.subscribe(&open[1].0.id, &[], Replacing::All, 100).await.unwrap();
    let dropped: Topic = "app:builds".parse().unwrap();
    port.refresh(&open[2].0.id, &open[2].0.caller, &[dropped]).await.unwrap();
    assert_eq!(due(&backend, &topic, 1, Which::All).await, [open[3].0.id.to_string()]);
}
