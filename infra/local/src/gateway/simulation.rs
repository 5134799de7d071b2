//! The switch from replay to live, under every order of events that chance comes up with.
//! See `docs/guarantees.md#live-waits-for-replay`.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{
    Caller, Connection, ConnectionId, Cursor, Epoch, Seq, Subscription, SubscriptionState, TopicKey,
};
use labelcast_functions::ports::{Connections, Frame, GoLive, Pushed, Pusher, Replacing, Which};
use labelcast_functions::query::{Filing, Query};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::Gateway;
use super::peer::Peer;
use super::socket::Socket;
use super::transport::Transport;

const LABELS: [&str; 3] = ["dog", "cat", "sun"];

fn topic() -> TopicKey {
    TopicKey::Shared("labels".parse().unwrap())
}

fn cursor(seq: u64) -> Cursor {
    Cursor { epoch: Epoch::from_random([7; 8]), seq: Seq(seq) }
}

fn caller() -> Caller {
    let expires_at = DateTime::<Utc>::MAX_UTC - TimeDelta::days(1);
    Caller {
        user: "u".parse().unwrap(),
        username: "u".to_owned(),
        groups: BTreeSet::new(),
        expires_at,
        account_version: 0,
    }
}

/// Where `subscribe` is for one subscriber: its steps are the ones of the function.
enum Step {
    Begin,
    Read,
    Replay(Vec<u64>),
    GoLive,
    Live,
}

struct Subscriber {
    id: ConnectionId,
    filter: Option<Arc<Query>>,
    since: u64,
    step: Step,
    position: u64,
    /// Where its frames come out.
    end: std::os::unix::net::UnixStream,
    received: Vec<Value>,
}

/// Where `notify` is. On one machine notifications go out in order.
enum Notifying {
    Nothing,
    Appended(u64),
    Visited(u64, Vec<ConnectionId>),
}

struct Simulation {
    gateway: Gateway,
    chance: StdRng,
    /// The label of each notification; the first has number 1.
    history: Vec<&'static str>,
    notifying: Notifying,
    subscribers: Vec<Subscriber>,
}

impl Simulation {
    async fn new(seed: u64) -> Self {
        let gateway = super::tests::gateway();
        let mut subscribers = Vec::new();
        for number in 0..6 {
            let id: ConnectionId = format!("connection{number}").parse().unwrap();
            let connection = Connection { id: id.clone(), caller: caller(), connected_at: Utc::now() };
            gateway.add(&connection, 100).await.unwrap();
            let (ours, theirs) = UnixStream::pair().unwrap();
            let peer =
                Peer { id: id.clone(), connected_at: connection.connected_at, source_ip: None, user_agent: None };
            let socket = Socket::new(
                Arc::new(peer),
                Transport::Pair(ours),
                gateway.shared.now.clone(),
                super::limits::PING_EVERY,
            );
            gateway.shared.sockets.write().unwrap().insert(id.clone(), Arc::new(socket));
            let end = theirs.into_std().unwrap();
            let filter = (number % 2 == 1).then(|| Arc::new(Query::parse(LABELS[number / 2]).unwrap()));
            subscribers.push(Subscriber {
                id,
                filter,
                since: 0,
                step: Step::Begin,
                position: 0,
                end,
                received: Vec::new(),
            });
        }
        let chance = StdRng::seed_from_u64(seed);
        Self { gateway, chance, history: Vec::new(), notifying: Notifying::Nothing, subscribers }
    }

    async fn notify(&mut self) {
        self.notifying = match std::mem::replace(&mut self.notifying, Notifying::Nothing) {
            Notifying::Nothing => {
                self.history.push(LABELS[self.chance.random_range(0..LABELS.len())]);
                Notifying::Appended(self.history.len() as u64)
            }
            Notifying::Appended(seq) => {
                let label = self.label(seq);
                let filings = BTreeSet::from([Filing::Label(label.parse().unwrap()), Filing::Everything]);
                let mut to = Vec::new();
                let which = Which::FiledUnder(&filings);
                let gather = &mut |subscription: &Subscription| to.push(subscription.connection.clone());
                self.gateway.visit(&topic(), Seq(seq), which, gather).await.unwrap();
                Notifying::Visited(seq, to)
            }
            Notifying::Visited(seq, to) => {
                let frame = Frame::encode(&json!({ "seq": seq })).unwrap();
                let unreached = self.gateway.push(vec![Pushed { frame, to }]).await;
                assert!(unreached.is_empty());
                Notifying::Nothing
            }
        };
    }

    fn label(&self, seq: u64) -> &'static str {
        self.history[usize::try_from(seq).unwrap() - 1]
    }

    async fn subscribe(&mut self, number: usize) {
        let newest = self.history.len() as u64;
        let since = self.chance.random_range(0..=newest);
        let subscriber = &mut self.subscribers[number];
        let id = subscriber.id.clone();
        subscriber.step = match std::mem::replace(&mut subscriber.step, Step::Live) {
            Step::Begin => {
                let subscription = Subscription {
                    connection: id.clone(),
                    topic: topic(),
                    filter: subscriber.filter.clone(),
                    state: SubscriptionState::Replaying,
                    caller: Arc::new(caller()),
                };
                self.gateway.subscribe(&id, &[subscription], Replacing::Same, 10).await.unwrap();
                (subscriber.since, subscriber.position) = (since, since);
                Step::Read
            }
            Step::Read => {
                let missed: Vec<u64> = (subscriber.position + 1..=newest).collect();
                subscriber.position = newest;
                Step::Replay(missed)
            }
            Step::Replay(mut missed) if !missed.is_empty() => {
                let seq = missed.remove(0);
                let label = self.history[usize::try_from(seq).unwrap() - 1];
                if subscriber.filter.as_ref().is_none_or(|filter| filter.to_string() == label) {
                    self.gateway.post(&id, Frame::encode(&json!({ "seq": seq })).unwrap()).await.unwrap();
                }
                Step::Replay(missed)
            }
            Step::Replay(_) => Step::GoLive,
            Step::GoLive => {
                let answer = Frame::encode(&json!({"subscribed": subscriber.position})).unwrap();
                match self.gateway.go_live(&id, &[(topic(), cursor(subscriber.position))], answer).await.unwrap() {
                    GoLive::Live => Step::Live,
                    GoLive::Behind => Step::Read,
                    GoLive::Gone => panic!("nobody left"),
                }
            }
            Step::Live => Step::Live,
        };
        self.receive();
    }

    /// Takes what was written, then what still waits: nobody reads these sockets, and no task writes to them.
    fn receive(&mut self) {
        for subscriber in &mut self.subscribers {
            let mut bytes = Vec::new();
            let _would_block = subscriber.end.read_to_end(&mut bytes);
            let socket = self.gateway.socket(&subscriber.id).unwrap();
            bytes.extend(socket.outbound().take().concat());
            let mut rest = bytes.as_slice();
            // Short frames have a header of two bytes.
            while let [_, length, frames @ ..] = rest {
                let (frame, after) = frames.split_at(usize::from(*length));
                subscriber.received.push(serde_json::from_slice(frame).unwrap());
                rest = after;
            }
        }
    }

    /// Every matching notification after `since`, once, in order, and the answer between what is replayed and what is live.
    fn check(&self, seed: u64) {
        for subscriber in &self.subscribers {
            let matches = |seq: &u64| {
                let filter = subscriber.filter.as_ref().map(ToString::to_string);
                filter.is_none_or(|filter| filter == self.label(*seq))
            };
            let expected: Vec<u64> = (subscriber.since + 1..=self.history.len() as u64).filter(matches).collect();
            let seqs: Vec<u64> = subscriber.received.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
            assert_eq!(seqs, expected, "seed {seed}, {}", subscriber.id);
            let answered = subscriber.received.iter().position(|frame| frame.get("subscribed").is_some()).unwrap();
            let position = subscriber.received[answered]["subscribed"].as_u64().unwrap();
            let replayed = seqs.iter().filter(|seq| **seq <= position).count();
            assert_eq!(replayed, answered, "seed {seed}: replayed before the answer, live after it");
        }
    }
}

#[tokio::test]
async fn every_subscriber_gets_every_matching_notification_once_in_order_and_live_after_the_answer() {
    for seed in 0..400 {
        let mut simulation = Simulation::new(seed).await;
        for _ in 0..400 {
            let number = simulation.chance.random_range(0..12);
            if number < simulation.subscribers.len() {
                simulation.subscribe(number).await;
            } else {
                simulation.notify().await;
            }
            simulation.receive();
        }
        for number in 0..simulation.subscribers.len() {
            while !matches!(simulation.subscribers[number].step, Step::Live) {
                simulation.subscribe(number).await;
            }
        }
        while !matches!(simulation.notifying, Notifying::Nothing) {
            simulation.notify().await;
        }
        simulation.receive();
        simulation.check(seed);
    }
}
