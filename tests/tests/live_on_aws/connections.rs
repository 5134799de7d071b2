use std::sync::Arc;

use chrono::TimeDelta;
use labelcast_aws::dynamodb::{DynamoConnections, Shards};
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Epoch, Seq, TopicKey};
use labelcast_functions::ports::{
    Added, Clock, Connections, Frame, GoLive, Pusher, Replacing, Subscribed, Subscription, SubscriptionState, Which,
};
use labelcast_functions::query::Query;
use serde_json::json;

use super::sockets::{Sockets, notification};
use super::{Stack, topic};

/// Connections of one user, each with a socket.
struct Served {
    stack: Stack,
    sockets: Arc<Sockets>,
}

impl Served {
    async fn start() -> Self {
        Self { stack: Stack::start().await, sockets: Sockets::with_clients(1) }
    }

    fn port(&self, shards: Shards) -> DynamoConnections {
        self.stack.connections_in(self.sockets.clone(), shards)
    }

    async fn connect(&self, port: &DynamoConnections, id: &str) -> Connection {
        let now = self.stack.clock.now();
        let user = "anna".parse().expect("a user");
        let expires_at = now + TimeDelta::hours(1);
        let caller = Caller { user, username: "anna".to_owned(), groups: [].into(), expires_at, account_version: 0 };
        let connection = Connection { id: id.parse().expect("an id"), caller, connected_at: now };
        assert_eq!(port.add(&connection, 100).await.unwrap(), Added::Stored);
        self.sockets.open(0, &connection.id, usize::MAX);
        connection
    }

    fn is_open(&self, id: &ConnectionId) -> impl Future<Output = bool> {
        let (sockets, id) = (self.sockets.clone(), id.clone());
        async move { sockets.post(&id, notification(0, 0)).await.is_ok() }
    }
}

fn subscription(connection: &Connection, topic: TopicKey, filter: Option<&str>) -> Subscription {
    Subscription {
        connection: connection.id.clone(),
        topic,
        filter: filter.map(|filter| Arc::new(Query::parse(filter).expect("a filter"))),
        state: SubscriptionState::Replaying,
        caller: Arc::new(connection.caller.clone()),
    }
}

async fn subscribe(port: &DynamoConnections, connection: &Connection, request: &[Subscription]) -> Subscribed {
    port.subscribe(&connection.id, request, Replacing::Same, 100).await.unwrap()
}

async fn go_live(port: &DynamoConnections, connection: &Connection, topics: &[TopicKey]) -> GoLive {
    let start = Cursor { epoch: Epoch::from_random([7; 8]), seq: Seq(0) };
    let positions: Vec<(TopicKey, Cursor)> = topics.iter().map(|topic| (topic.clone(), start.clone())).collect();
    let response = Frame::encode(&json!({"type": "subscribed"})).expect("it is small");
    port.go_live(&connection.id, &positions, response).await.unwrap()
}

/// In order of their ids, as often as they were shown.
async fn due(port: &DynamoConnections, topic: &TopicKey, shard: Option<u32>) -> Vec<String> {
    let mut shown = Vec::new();
    let mut visitor = |subscription: &Subscription| shown.push(subscription.connection.to_string());
    match shard {
        None => port.visit(topic, Seq(1), Which::All, &mut visitor).await.unwrap(),
        Some(shard) => port.visit_shards(topic, Seq(1), Which::All, shard..shard + 1, &mut visitor).await.unwrap(),
    }
    shown.sort();
    shown
}

/// Whoever subscribed before the number grew is found where they were put, in one shard.
#[tokio::test]
async fn every_connection_is_in_one_shard_while_the_shard_count_grows() {
    let served = Served::start().await;
    let small = Shards::new(2).unwrap();
    let (before, grown) = (served.port(small), served.port(small.grown_to(8).unwrap()));
    let labels = topic("labels");
    let mut all = Vec::new();
    for number in 0..20 {
        let port = if number % 2 == 0 { &before } else { &grown };
        let one = served.connect(port, &format!("connection-{number:02}")).await;
        let filter = (number % 3 == 0).then_some("dog OR cat OR su*");
        let request = [subscription(&one, labels.clone(), filter)];
        assert_eq!(subscribe(port, &one, &request).await, Subscribed::Stored);
        assert_eq!(go_live(port, &one, std::slice::from_ref(&labels)).await, GoLive::Live);
        all.push(one);
    }
    let ids = |some: &[Connection]| some.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
    assert_eq!(due(&grown, &labels, None).await, ids(&all), "each once");
    let mut found = Vec::new();
    for shard in 0..8 {
        found.extend(due(&grown, &labels, Some(shard)).await);
    }
    found.sort();
    assert_eq!(found, ids(&all), "each in one shard");
    // Whoever subscribes again or goes leaves nothing where they were.
    for one in &all[..4] {
        subscribe(&grown, one, &[subscription(one, labels.clone(), None)]).await;
        go_live(&grown, one, std::slice::from_ref(&labels)).await;
    }
    assert_eq!(due(&before, &labels, None).await, ids(&all[4..]).into_iter().step_by(2).collect::<Vec<_>>());
    for one in &all[..10] {
        assert!(grown.remove(one).await.unwrap());
    }
    assert_eq!(due(&grown, &labels, None).await, ids(&all[10..]));
}

/// More rows than one transaction takes.
#[tokio::test]
async fn a_connection_may_have_any_number_of_topics() {
    let served = Served::start().await;
    let port = served.port(Shards::new(1).unwrap());
    let one = served.connect(&port, "one").await;
    let topics: Vec<TopicKey> = (0..100).map(|number| topic(&format!("app:topic-{number}"))).collect();
    let request: Vec<Subscription> = topics.iter().map(|topic| subscription(&one, topic.clone(), None)).collect();
    for _ in 0..2 {
        assert_eq!(subscribe(&port, &one, &request).await, Subscribed::Stored);
        assert_eq!(go_live(&port, &one, &topics).await, GoLive::Live);
    }
    let mut longer = one.caller.clone();
    longer.expires_at += TimeDelta::hours(1);
    assert!(port.refresh(&one.id, &longer, &[topics[0].topic()]).await.unwrap());
    let left = port.subscriptions(&one.id).await.unwrap();
    assert_eq!(left.len(), 99);
    assert!(left.iter().all(|left| *left.caller == longer && left.state == SubscriptionState::Live));
    assert_eq!(due(&port, &topics[0], None).await, [""; 0]);
    assert_eq!(due(&port, &topics[99], None).await, ["one"]);
    assert_eq!(port.subscribe(&one.id, &request[..1], Replacing::All, 100).await.unwrap(), Subscribed::Stored);
    assert_eq!(port.subscriptions(&one.id).await.unwrap().len(), 1);
    assert_eq!(due(&port, &topics[99], None).await, [""; 0]);
}

/// Whoever waits for the end of a replay that nobody ends would wait for ever (`docs/guarantees.md#live-waits-for-replay`).
#[tokio::test]
async fn an_expired_lease_closes_the_connection() {
    let served = Served::start().await;
    let port = served.port(Shards::new(1).unwrap());
    let labels = topic("labels");
    let (slow, cut_off) = (served.connect(&port, "slow").await, served.connect(&port, "cut-off").await);
    for one in [&slow, &cut_off] {
        subscribe(&port, one, &[subscription(one, labels.clone(), Some("dog"))]).await;
    }
    served.stack.clock.advance(TimeDelta::seconds(61));
    assert_eq!(go_live(&port, &slow, std::slice::from_ref(&labels)).await, GoLive::Gone);
    assert!(!served.is_open(&slow.id).await && port.get(&slow.id).await.unwrap().is_none());
    // The other's function died: the next notification closes it.
    served.stack.clock.advance(TimeDelta::seconds(60));
    assert_eq!(due(&port, &labels, None).await, [""; 0]);
    assert!(!served.is_open(&cut_off.id).await && port.get(&cut_off.id).await.unwrap().is_none());
}

/// What a clean-up does, DynamoDB may have done before it.
#[tokio::test]
async fn a_forgotten_connection_is_no_longer_counted() {
    let served = Served::start().await;
    let port = served.port(Shards::new(1).unwrap());
    let one = served.connect(&port, "one").await;
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let forget = served.stack.client.delete_item().table_name(format!("{}-live", served.stack.name));
    forget.key("pk", text("connection#one")).key("sk", text("connection")).send().await.unwrap();
    let two = Connection { id: "two".parse().unwrap(), ..one.clone() };
    assert_eq!(port.add(&two, 1).await.unwrap(), Added::TooMany);
    let over = one.caller.expires_at + TimeDelta::minutes(2);
    for _ in 0..2 {
        assert!(port.expired(over, 10).await.unwrap().is_empty());
    }
    assert_eq!(port.add(&two, 1).await.unwrap(), Added::Stored);
    let three = Connection { id: "three".parse().unwrap(), ..one };
    assert_eq!(port.add(&three, 1).await.unwrap(), Added::TooMany, "it was taken off once");
}
