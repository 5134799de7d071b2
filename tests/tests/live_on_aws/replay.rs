use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Seq, TopicKey};
use labelcast_functions::ports::{
    Added, Clock, Connections, Frame, GoLive, History, PageLimit, Pushed, Pusher, Replacing, Subscribed, Subscription,
    SubscriptionState, Which,
};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::sockets::{Sockets, notification};
use super::{Stack, chance, topic};

const NOTIFIERS: usize = 4;
const ENTRIES: usize = 25;
const CLIENTS: usize = 5;
const SESSIONS: usize = 8;

/// Appends, visits, pushes, settles, as `notify` does.
async fn notify(stack: &Stack, sockets: &Arc<Sockets>, number: usize) {
    let history = stack.history();
    let connections = stack.connections(sockets.clone());
    for entry in 0..ENTRIES {
        let entry = stack.entry(&format!("{number}-{entry}"), &[topic("labels")]);
        let appended = history.append(&[entry]).await.unwrap().remove(0);
        let positions = &appended.positions[0];
        let mut to = Vec::new();
        let mut visitor = |subscription: &Subscription| to.push(subscription.connection.clone());
        connections.visit(&positions.topic, positions.seq, Which::All, &mut visitor).await.unwrap();
        let frame = notification(positions.seq.0, positions.cursor.seq.0);
        for (gone, _) in sockets.push(vec![Pushed { frame, to }]).await {
            if let Some(row) = connections.get(&gone).await.unwrap() {
                connections.remove(&row).await.unwrap();
            }
        }
        history.mark_delivered(&appended.positions).await.unwrap();
    }
}

/// What a client's session is served by.
pub struct Served<'a> {
    pub stack: &'a Stack,
    pub sockets: &'a Arc<Sockets>,
    pub topic: TopicKey,
}

impl Served<'_> {
    fn connection(&self, id: &ConnectionId) -> Connection {
        let now = self.stack.clock.now();
        let expires_at = now + TimeDelta::hours(1);
        let user = "anna".parse().expect("a user");
        let caller = Caller { user, username: "anna".to_owned(), groups: [].into(), expires_at, account_version: 0 };
        Connection { id: id.clone(), caller, connected_at: now }
    }

    /// False once the socket is broken.
    async fn replay(&self, id: &ConnectionId, position: &mut Cursor) -> bool {
        let page = self.stack.history().read(&self.topic, position.seq, PageLimit::entries(1_000)).await.unwrap();
        assert!(page.reaches_back_to(position.seq));
        for entry in &page.entries {
            if self.sockets.post(id, notification(entry.seq.0, entry.seq.0)).await.is_err() {
                return false;
            }
            position.seq = entry.seq;
        }
        true
    }

    /// Subscribes from where the client is, as `subscribe` does. False if the socket broke before it was live.
    pub async fn subscribe(&self, id: &ConnectionId, since: u64) -> bool {
        let connections = self.stack.connections(self.sockets.clone());
        let connection = self.connection(id);
        assert_eq!(connections.add(&connection, 1_000).await.unwrap(), Added::Stored);
        let subscription = Subscription {
            connection: id.clone(),
            topic: self.topic.clone(),
            filter: None,
            state: SubscriptionState::Replaying,
            caller: Arc::new(connection.caller),
        };
        let stored = connections.subscribe(id, &[subscription], Replacing::Same, 10).await.unwrap();
        assert_eq!(stored, Subscribed::Stored);
        let epoch = self.stack.history().head(&self.topic).await.unwrap().epoch;
        let mut position = Cursor { epoch, seq: Seq(since) };
        loop {
            if !self.replay(id, &mut position).await {
                return false;
            }
            let response = Frame::encode(&json!({"type": "subscribed"})).expect("it is small");
            match connections.go_live(id, &[(self.topic.clone(), position.clone())], response).await.unwrap() {
                GoLive::Live => return true,
                GoLive::Gone => return false,
                GoLive::Behind => {}
            }
        }
    }
}

/// Comes back from its cursor whenever its socket breaks; the last session stays.
async fn client(stack: &Stack, sockets: &Arc<Sockets>, number: usize, mut random: StdRng, ended: CancellationToken) {
    let served = Served { stack, sockets, topic: topic("labels") };
    for session in 0..SESSIONS {
        let id: ConnectionId = format!("client-{number}-{session}").parse().expect("an id");
        let is_last = session + 1 == SESSIONS;
        let frames = if is_last { usize::MAX } else { random.random_range(1..20) };
        let broken = sockets.open(number, &id, frames);
        let live = served.subscribe(&id, sockets.client(number).cursor).await;
        assert!(live || !is_last, "the last socket does not break");
        if live && !is_last {
            tokio::select! { () = broken.cancelled() => {}, () = ended.cancelled() => {} }
        }
        if !is_last {
            sockets.close(&id).await.unwrap();
        }
    }
}

/// Whenever a socket breaks (`docs/guarantees.md#at-least-once`, `docs/guarantees.md#the-truth-about-gaps`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_keeps_reconnecting_misses_nothing_its_cursor_covers() {
    let stack = Stack::start().await;
    let sockets = Sockets::with_clients(CLIENTS);
    let ended = CancellationToken::new();
    let notifiers = async {
        join_all((0..NOTIFIERS).map(|number| notify(&stack, &sockets, number))).await;
        ended.cancel();
    };
    let clients = chance(CLIENTS).into_iter().enumerate();
    let clients = clients.map(|(number, random)| client(&stack, &sockets, number, random, ended.clone()));
    join(notifiers, join_all(clients)).await;
    for number in 0..CLIENTS {
        let received: Vec<u64> = sockets.client(number).received.into_iter().collect();
        assert_eq!(received, (1..=(NOTIFIERS * ENTRIES) as u64).collect::<Vec<_>>());
    }
}
