//! Simulates the switch from replay to live, and resuming after a lost connection or an undeliverable notification, under
//! random orders of events. See `docs/guarantees.md#live-waits-for-replay`.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Epoch, Seq, TopicKey};
use labelcast_functions::ports::{
    Connections, Frame, GoLive, Pushed, Pusher, Replacing, Subscription, SubscriptionState, Which,
};
use labelcast_functions::query::{Bucket, Query};
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
    /// The rest of a part, which counts as replayed from when it was read; then the next part, up to `until`.
    Replay {
        part: VecDeque<u64>,
        until: u64,
    },
    GoLive,
    Live,
}

/// What came on one connection.
struct Session {
    id: ConnectionId,
    /// Where its client's frames come out.
    end: std::os::unix::net::UnixStream,
    since: u64,
    step: Step,
    position: u64,
    received: Vec<Value>,
    /// The server has said goodbye.
    closed: bool,
}

impl Session {
    fn seqs(&self) -> Vec<u64> {
        self.received.iter().filter_map(|frame| frame["seq"].as_u64()).collect()
    }

    /// What its client resumes from.
    fn cursor(&self) -> u64 {
        let cursors = self.received.iter().filter_map(|frame| frame["seq"].as_u64().or(frame["subscribed"].as_u64()));
        cursors.max().unwrap_or(self.since).max(self.since)
    }

    /// What is replayed comes before the response, what is live after it.
    fn check(&self, seed: u64) {
        let Some(responded) = self.received.iter().position(|frame| frame.get("subscribed").is_some()) else { return };
        let position = self.received[responded]["subscribed"].as_u64().unwrap();
        let replayed = self.seqs().iter().filter(|seq| **seq <= position).count();
        assert_eq!(replayed, responded, "seed {seed}: replayed before the answer, live after it");
    }
}

struct Subscriber {
    filter: Option<Arc<Query>>,
    /// Where its first session began.
    since: u64,
    session: Session,
    /// What came on the sessions before.
    before: Vec<u64>,
    sessions: usize,
}

/// Where `notify` is. On one machine notifications go out in order.
enum Notifying {
    Nothing,
    Appended(u64),
    Visited(u64, Vec<ConnectionId>),
    /// It cannot be pushed: whoever is live is closed before anything later goes out.
    Undeliverable(Vec<ConnectionId>),
}

struct Simulation {
    gateway: Gateway,
    chance: StdRng,
    seed: u64,
    /// The label of each notification; the first has number 1.
    history: Vec<&'static str>,
    notifying: Notifying,
    subscribers: Vec<Subscriber>,
    /// Connections that were closed so that they resume.
    closes: usize,
}

impl Simulation {
    async fn new(seed: u64) -> Self {
        let gateway = super::tests::gateway();
        let mut subscribers = Vec::new();
        for number in 0..6 {
            let session = connect(&gateway, format!("connection{number}-0"), 0).await;
            let filter = (number % 2 == 1).then(|| Arc::new(Query::parse(LABELS[number / 2]).unwrap()));
            subscribers.push(Subscriber { filter, since: 0, session, before: Vec::new(), sessions: 1 });
        }
        let chance = StdRng::seed_from_u64(seed);
        Self { gateway, chance, seed, history: Vec::new(), notifying: Notifying::Nothing, subscribers, closes: 0 }
    }

    async fn notify(&mut self) {
        self.notifying = match std::mem::replace(&mut self.notifying, Notifying::Nothing) {
            Notifying::Nothing => {
                self.history.push(LABELS[self.chance.random_range(0..LABELS.len())]);
                Notifying::Appended(self.history.len() as u64)
            }
            Notifying::Appended(seq) if self.chance.random_ratio(1, 8) => {
                Notifying::Undeliverable(self.visit(seq, Which::All).await)
            }
            Notifying::Appended(seq) => {
                let label = self.label(seq);
                let buckets = BTreeSet::from([Bucket::Label(label.parse().unwrap()), Bucket::Everything]);
                Notifying::Visited(seq, self.visit(seq, Which::InBuckets(&buckets)).await)
            }
            Notifying::Visited(seq, to) => {
                let frame = Frame::encode(&json!({ "seq": seq })).unwrap();
                let unreached = self.gateway.push(vec![Pushed { frame, to }]).await;
                let is_gone = |id| self.gateway.socket(id).is_none_or(|socket| socket.is_closing());
                assert!(unreached.iter().all(|(id, _)| is_gone(id)), "seed {}: {unreached:?}", self.seed);
                Notifying::Nothing
            }
            Notifying::Undeliverable(mut receivers) => match receivers.pop() {
                Some(receiver) => {
                    self.gateway.close(&receiver).await.unwrap();
                    self.closes += 1;
                    Notifying::Undeliverable(receivers)
                }
                None => Notifying::Nothing,
            },
        };
    }

    async fn visit(&self, seq: u64, which: Which<'_>) -> Vec<ConnectionId> {
        let mut to = Vec::new();
        let gather = &mut |subscription: &Subscription| to.push(subscription.connection.clone());
        self.gateway.visit(&topic(), Seq(seq), which, gather).await.unwrap();
        to
    }

    fn label(&self, seq: u64) -> &'static str {
        self.history[usize::try_from(seq).unwrap() - 1]
    }

    async fn subscribe(&mut self, number: usize) {
        if self.subscribers[number].session.closed {
            return self.come_back(number).await;
        }
        let newest = self.history.len() as u64;
        let since = self.chance.random_range(0..=newest);
        let some = self.chance.random_range(1..=3);
        let subscriber = &mut self.subscribers[number];
        let (filter, is_first) = (subscriber.filter.clone(), subscriber.sessions == 1);
        let session = &mut subscriber.session;
        let id = session.id.clone();
        session.step = match std::mem::replace(&mut session.step, Step::Live) {
            Step::Begin => {
                let subscription = Subscription {
                    connection: id.clone(),
                    topic: topic(),
                    filter,
                    state: SubscriptionState::Replaying,
                    caller: Arc::new(caller()),
                };
                self.gateway.subscribe(&id, &[subscription], Replacing::Same, 10).await.unwrap();
                if is_first {
                    session.since = since;
                    subscriber.since = since;
                }
                session.position = session.since;
                Step::Read
            }
            Step::Read => Step::Replay { part: VecDeque::new(), until: newest },
            Step::Replay { mut part, until } => match part.pop_front() {
                Some(seq) => {
                    let label = self.history[usize::try_from(seq).unwrap() - 1];
                    if filter.is_none_or(|filter| filter.to_string() == label) {
                        self.gateway.post(&id, Frame::encode(&json!({ "seq": seq })).unwrap()).await.unwrap();
                    }
                    Step::Replay { part, until }
                }
                None if session.position < until => {
                    let end = until.min(session.position + some);
                    part.extend(session.position + 1..=end);
                    session.position = end;
                    Step::Replay { part, until }
                }
                None => Step::GoLive,
            },
            Step::GoLive => {
                let response = Frame::encode(&json!({"subscribed": session.position})).unwrap();
                match self.gateway.go_live(&id, &[(topic(), cursor(session.position))], response).await.unwrap() {
                    GoLive::Live => Step::Live,
                    GoLive::Behind => Step::Read,
                    GoLive::Gone => panic!("nobody left"),
                }
            }
            Step::Live => Step::Live,
        };
        self.receive();
    }

    /// Ends a session, as `$disconnect` does, and begins the next from the last cursor that its client has seen. What was
    /// written and not read is lost, as on a line that broke.
    async fn come_back(&mut self, number: usize) {
        let subscriber = &mut self.subscribers[number];
        subscriber.session.check(self.seed);
        subscriber.before.extend(subscriber.session.seqs());
        let connection = self.gateway.get(&subscriber.session.id).await.unwrap().unwrap();
        assert!(self.gateway.remove(&connection).await.unwrap());
        self.gateway.shared.sockets.write().unwrap().remove(&connection.id);
        let id = format!("connection{number}-{}", subscriber.sessions);
        // Without a session that was ever subscribed it is a first one again.
        subscriber.sessions += usize::from(!matches!(subscriber.session.step, Step::Begin));
        subscriber.session = connect(&self.gateway, id, subscriber.session.cursor()).await;
    }

    /// Takes what was written, then what still waits: nobody reads these sockets, and no task writes to them.
    fn receive(&mut self) {
        for Subscriber { session, .. } in &mut self.subscribers {
            let mut bytes = Vec::new();
            let _would_block = session.end.read_to_end(&mut bytes);
            let socket = self.gateway.socket(&session.id).unwrap();
            bytes.extend(socket.outbound().take().concat());
            let mut rest = bytes.as_slice();
            // Short frames have a header of two bytes.
            while let [first, length, frames @ ..] = rest {
                let (frame, after) = frames.split_at(usize::from(*length));
                match first & 0xf {
                    8 => session.closed = true,
                    _ => session.received.push(serde_json::from_slice(frame).unwrap()),
                }
                rest = after;
            }
        }
    }

    /// Every matching notification after `since`, once, in order, over all sessions.
    fn check(&self) {
        for Subscriber { filter, since, session, before, .. } in &self.subscribers {
            let filter = filter.as_ref().map(ToString::to_string);
            let matches = |seq: &u64| filter.as_ref().is_none_or(|filter| filter == self.label(*seq));
            let expected: Vec<u64> = (since + 1..=self.history.len() as u64).filter(matches).collect();
            assert_eq!([before.clone(), session.seqs()].concat(), expected, "seed {}, {}", self.seed, session.id);
            session.check(self.seed);
        }
    }
}

/// A connection of the next session of somebody.
async fn connect(gateway: &Gateway, id: String, since: u64) -> Session {
    let id: ConnectionId = id.parse().unwrap();
    let connection = Connection { id: id.clone(), caller: caller(), connected_at: Utc::now() };
    gateway.add(&connection, 100).await.unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let peer = Peer { id: id.clone(), connected_at: connection.connected_at, source_ip: None, user_agent: None };
    let now = gateway.shared.now.clone();
    let socket = Socket::new(Arc::new(peer), Transport::Pair(ours), now, super::limits::PING_EVERY);
    gateway.shared.sockets.write().unwrap().insert(id.clone(), Arc::new(socket));
    let end = theirs.into_std().unwrap();
    Session { id, end, since, step: Step::Begin, position: since, received: Vec::new(), closed: false }
}

#[tokio::test]
async fn every_subscriber_gets_each_matching_notification_once_in_order_and_live_ones_after_the_response() {
    let (mut sessions, mut closes) = (0, 0);
    for seed in 0..400 {
        let mut simulation = Simulation::new(seed).await;
        for _ in 0..400 {
            let number = simulation.chance.random_range(0..12);
            if number < simulation.subscribers.len() {
                match simulation.chance.random_ratio(1, 40) {
                    true => simulation.come_back(number).await,
                    false => simulation.subscribe(number).await,
                }
            } else {
                simulation.notify().await;
            }
            // Else it is still on its way, and lost if the line breaks.
            if simulation.chance.random_ratio(3, 4) {
                simulation.receive();
            }
        }
        while !matches!(simulation.notifying, Notifying::Nothing) {
            simulation.notify().await;
        }
        simulation.receive();
        for number in 0..simulation.subscribers.len() {
            while simulation.subscribers[number].session.closed
                || !matches!(simulation.subscribers[number].session.step, Step::Live)
            {
                simulation.subscribe(number).await;
            }
        }
        simulation.check();
        closes += simulation.closes;
        sessions += simulation.subscribers.iter().map(|subscriber| subscriber.sessions).sum::<usize>();
    }
    assert!(closes > 0 && sessions > 400 * 6, "{closes} were closed, {sessions} sessions: who was closed came back");
}
