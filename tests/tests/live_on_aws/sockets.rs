use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use labelcast_functions::model::{ConnectionId, Cursor};
use labelcast_functions::ports::{Frame, PortResult, Pushed, Pusher, Unreached};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Stands in for API Gateway: sockets that break after so many frames, and the clients behind them, who keep the highest
/// cursor and are sure to have seen everything up to it.
#[derive(Default)]
pub struct Sockets(Mutex<State>);

#[derive(Default)]
struct State {
    open: HashMap<ConnectionId, Socket>,
    clients: Vec<Client>,
    frames: usize,
    hangs: bool,
}

struct Socket {
    client: usize,
    frames_left: usize,
    broken: CancellationToken,
}

#[derive(Default, Clone)]
pub struct Client {
    pub received: BTreeSet<u64>,
    pub cursor: u64,
}

pub fn notification(seq: u64, cursor: u64) -> Frame {
    Frame::encode(&json!({"seq": seq, "cursor": cursor})).expect("it is small")
}

/// The number and the cursor of a notification, as [`notification`] or as `notify` writes them.
fn place(frame: &Value) -> (Option<u64>, Option<u64>) {
    let topic = &frame["topics"][0];
    match topic["cursor"].as_str().and_then(|cursor| cursor.parse::<Cursor>().ok()) {
        Some(cursor) => (topic["seq"].as_u64(), Some(cursor.seq.0)),
        None => (frame["seq"].as_u64(), frame["cursor"].as_u64()),
    }
}

impl Sockets {
    pub fn with_clients(count: usize) -> Arc<Self> {
        let state = State { clients: vec![Client::default(); count], ..State::default() };
        Arc::new(Self(Mutex::new(state)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token is cancelled once it is broken or closed.
    pub fn open(&self, client: usize, id: &ConnectionId, frames_left: usize) -> CancellationToken {
        let broken = CancellationToken::new();
        self.state().open.insert(id.clone(), Socket { client, frames_left, broken: broken.clone() });
        broken
    }

    pub fn open_sockets(&self) -> usize {
        self.state().open.len()
    }

    /// Sent to anybody so far.
    pub fn frames(&self) -> usize {
        self.state().frames
    }

    /// From now on, pushing never ends, or does again.
    pub fn hang(&self, hangs: bool) {
        self.state().hangs = hangs;
    }

    pub fn client(&self, client: usize) -> Client {
        self.state().clients[client].clone()
    }

    fn send(&self, to: &ConnectionId, frame: &Frame) -> Result<(), Unreached> {
        let mut state = self.state();
        let socket = state.open.get_mut(to).ok_or(Unreached::Gone)?;
        if socket.frames_left == 0 {
            socket.broken.cancel();
            state.open.remove(to);
            return Err(Unreached::Gone);
        }
        socket.frames_left -= 1;
        let client = socket.client;
        state.frames += 1;
        let client = &mut state.clients[client];
        let frame: Value = serde_json::from_slice(frame.bytes()).expect("frames are JSON");
        if let (Some(seq), Some(cursor)) = place(&frame) {
            client.received.insert(seq);
            client.cursor = client.cursor.max(cursor);
            let missing: Vec<u64> = (1..=client.cursor).filter(|seq| !client.received.contains(seq)).collect();
            assert!(missing.is_empty(), "{to} has the cursor {} but never saw {missing:?}", client.cursor);
        }
        Ok(())
    }
}

#[async_trait]
impl Pusher for Sockets {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        if self.state().hangs {
            std::future::pending::<()>().await;
        }
        let mut unreached = Vec::new();
        for Pushed { frame, to } in frames {
            for id in to {
                if let Err(why) = self.send(&id, &frame) {
                    unreached.push((id, why));
                }
            }
        }
        unreached
    }

    async fn post(&self, to: &ConnectionId, frame: Frame) -> Result<(), Unreached> {
        self.send(to, &frame)
    }

    async fn close(&self, connection: &ConnectionId) -> PortResult<()> {
        if let Some(socket) = self.state().open.remove(connection) {
            socket.broken.cancel();
        }
        Ok(())
    }
}
