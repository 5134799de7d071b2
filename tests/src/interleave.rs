//! Actors that take their steps one at a time, in random order, and crash in between.
//!
//! An actor is a function that calls its ports through a [`Gate`]. A crash drops the actor where it waits for its next step
//! and begins it anew, as a job is that was cut off; so does a step that fails.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What an actor came to; an error means that it is to be tried again.
pub type Outcome = Result<(), String>;
/// Makes an actor; called again after a crash.
pub type Actor = Arc<dyn Fn(Gate) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Runs that one actor may take, the first included.
const MAX_RUNS: u32 = 50;

/// Where an actor waits for its turn.
#[derive(Clone)]
pub struct Gate {
    run: u64,
    events: mpsc::UnboundedSender<Event>,
}

enum Event {
    Waits { run: u64, go: oneshot::Sender<()> },
    Stepped,
    Ended { run: u64, outcome: Outcome },
}

impl Gate {
    /// Takes a step once it is this actor's turn.
    pub async fn step<T>(&self, work: impl Future<Output = T>) -> T {
        let (go, turn) = oneshot::channel();
        // Nobody listens once the test is over.
        let _ = self.events.send(Event::Waits { run: self.run, go });
        if turn.await.is_err() {
            std::future::pending::<()>().await;
        }
        let done = work.await;
        let _ = self.events.send(Event::Stepped);
        done
    }
}

struct Running {
    name: String,
    actor: Actor,
    runs: u32,
    crashes: bool,
    task: JoinHandle<()>,
    waits: Vec<oneshot::Sender<()>>,
}

/// The actors and the order of their steps.
pub struct Interleaving {
    random: StdRng,
    running: HashMap<u64, Running>,
    next: u64,
    sender: mpsc::UnboundedSender<Event>,
    events: mpsc::UnboundedReceiver<Event>,
    crashes_left: u32,
}

impl Interleaving {
    /// In the order that this seed gives, with at most so many crashes.
    pub fn new(seed: u64, crashes: u32) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let random = StdRng::seed_from_u64(seed);
        Self { random, running: HashMap::new(), next: 0, sender, events, crashes_left: crashes }
    }

    /// Chance, for the test's own choices.
    pub fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// Adds an actor that may crash anywhere and is then begun anew.
    pub fn job(&mut self, name: impl Into<String>, actor: Actor) {
        self.begin(name.into(), actor, 1, true);
    }

    /// Adds an actor that does not crash.
    pub fn client(&mut self, name: impl Into<String>, actor: Actor) {
        self.begin(name.into(), actor, 1, false);
    }

    fn begin(&mut self, name: String, actor: Actor, runs: u32, crashes: bool) {
        assert!(runs <= MAX_RUNS, "{name} does not come to an end");
        let run = self.next;
        self.next += 1;
        let (gate, events) = (Gate { run, events: self.sender.clone() }, self.sender.clone());
        let work = actor(gate);
        let task = tokio::spawn(async move {
            let outcome = work.await;
            let _ = events.send(Event::Ended { run, outcome });
        });
        self.running.insert(run, Running { name, actor, runs, crashes, task, waits: Vec::new() });
    }

    /// Takes one step of one actor. False when all have ended.
    pub async fn step(&mut self) -> bool {
        while self.running.values().any(|running| running.waits.is_empty()) {
            self.event().await;
        }
        let mut runs: Vec<u64> = self.running.keys().copied().collect();
        if runs.is_empty() {
            return false;
        }
        runs.sort_unstable();
        let run = runs[self.random.random_range(0..runs.len())];
        if self.running[&run].crashes && self.crashes_left > 0 && self.random.random_ratio(1, 8) {
            self.crashes_left -= 1;
            self.again(run);
            return true;
        }
        let waits = &mut self.running.get_mut(&run).expect("it was listed").waits;
        let turn = self.random.random_range(0..waits.len());
        let _ = waits.swap_remove(turn).send(());
        // Steps are taken one at a time: nobody else goes on before this one is taken.
        while !self.event().await {}
        true
    }

    fn again(&mut self, run: u64) {
        let Running { name, actor, runs, crashes, task, .. } = self.running.remove(&run).expect("it is running");
        task.abort();
        self.begin(name, actor, runs + 1, crashes);
    }

    /// Takes note of what happens next. True if it was the end of a step.
    async fn event(&mut self) -> bool {
        match self.events.recv().await.expect("we have a sender ourselves") {
            Event::Waits { run, go } => {
                if let Some(running) = self.running.get_mut(&run) {
                    running.waits.push(go);
                }
                false
            }
            Event::Stepped => true,
            Event::Ended { run, outcome } => {
                match outcome {
                    Ok(()) => drop(self.running.remove(&run)),
                    Err(_) if self.running.contains_key(&run) => self.again(run),
                    Err(_) => {}
                }
                false
            }
        }
    }
}
