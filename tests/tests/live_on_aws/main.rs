//! Connections and history on AWS under random concurrent writes. The seed is printed; `SEED` repeats it, as far as
//! the order in which calls arrive allows.

mod connections;
mod history;
mod largest;
mod partitioned;
mod rate;
mod replay;
mod sockets;

use std::sync::Arc;

use chrono::Utc;
use labelcast_aws::dynamodb::{DynamoConnections, DynamoHistory, Shards, Table};
use labelcast_functions::model::{Notification, NotificationId, Subject, TopicKey};
use labelcast_functions::ports::{Clock, NewEntry, Pusher};
use labelcast_functions::system::SystemRandom;
use labelcast_tests::aws;
use labelcast_tests::emulator::Emulator;
use labelcast_tests::machine::SetClock;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

/// Two tables, which any number of functions use at once.
struct Stack {
    client: aws_sdk_dynamodb::Client,
    name: String,
    endpoint: String,
    clock: Arc<SetClock>,
    _emulator: Emulator,
}

impl Stack {
    async fn start() -> Self {
        let emulator = Emulator::start().await;
        let client = aws_sdk_dynamodb::Client::new(&aws::config(&emulator).await);
        let name = format!("test-{:032x}", rand::random::<u128>());
        for what in ["history", "live"] {
            aws::table(&client, &format!("{name}-{what}")).await;
        }
        let endpoint = emulator.endpoint().to_owned();
        Self { client, name, endpoint, clock: Arc::new(SetClock::at(Utc::now())), _emulator: emulator }
    }

    /// As one function has it.
    fn history(&self) -> DynamoHistory {
        let table = Table::new(self.client.clone(), format!("{}-history", self.name), "the table of history");
        DynamoHistory::new(table, self.clock.clone(), Arc::new(SystemRandom))
    }

    /// As one function has them.
    fn connections(&self, pusher: Arc<dyn Pusher>) -> DynamoConnections {
        self.connections_in(pusher, Shards::new(2).expect("a power of two"))
    }

    fn connections_in(&self, pusher: Arc<dyn Pusher>, shards: Shards) -> DynamoConnections {
        let table = Table::new(self.client.clone(), format!("{}-live", self.name), "the table of connections");
        DynamoConnections::new(table, pusher, self.clock.clone(), shards)
    }

    fn entry(&self, id: &str, topics: &[TopicKey]) -> NewEntry {
        let subject = Subject::Published { name: "build.done".to_owned(), data: Value::Null };
        let notification = Notification { id: NotificationId::given(id), at: self.clock.now(), subject };
        NewEntry { notification, topics: topics.to_vec() }
    }
}

fn topic(name: &str) -> TopicKey {
    name.parse().expect("a topic")
}

/// Chance, one of its own for each who takes part.
fn chance(partitions: usize) -> Vec<StdRng> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("SEED={seed}");
    (0..partitions as u64).map(|partition| StdRng::seed_from_u64(seed.wrapping_add(partition))).collect()
}
