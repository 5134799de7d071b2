//! Notifications that several runs of `deliver` push.
//! See `docs/guarantees.md#delivered-watermark`, `docs/guarantees.md#shards`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::future::{join, join_all};
use labelcast_events::{read_deliveries, read_event, read_failures};
use labelcast_functions::images::Failed;
use labelcast_functions::live::{Deliver, Notify, PartitionedFanOut, Undispatched};
use labelcast_functions::model::{BusEvent, ConnectionId, JobRequest};
use labelcast_functions::ports::{Deliveries, Delivery, History, PortResult, Ports};
use labelcast_functions::settings::Settings;
use labelcast_tests::TestMachine;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::replay::Served;
use super::sockets::Sockets;
use super::{Stack, chance, topic};

const CLIENTS: usize = 8;
const RANGES: u32 = 2;
const MAX_ATTEMPTS: u32 = 3;

/// Stands in for the queue before `deliver`: a test takes out what it likes.
#[derive(Default)]
struct Queue(Mutex<Vec<Delivery>>);

#[async_trait]
impl Deliveries for Queue {
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()> {
        self.waiting().extend_from_slice(deliveries);
        Ok(())
    }
}

impl Queue {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn any(&self, random: &mut StdRng) -> Option<Delivery> {
        let mut waiting = self.waiting();
        let place = (!waiting.is_empty()).then(|| random.random_range(0..waiting.len()))?;
        Some(waiting.swap_remove(place))
    }
}

struct Running {
    stack: Stack,
    sockets: Arc<Sockets>,
    queue: Arc<Queue>,
    /// Has what no published notification asks for.
    machine: TestMachine,
}

impl Running {
    /// With clients that are live on `labels`.
    async fn start() -> Self {
        let (stack, machine) = (Stack::start().await, TestMachine::start(Settings::default()).await);
        let running = Self { stack, machine, sockets: Sockets::with_clients(CLIENTS), queue: Arc::default() };
        for client in 0..CLIENTS {
            assert!(running.connect(client, "first").await);
        }
        running
    }

    /// From where the client is.
    async fn connect(&self, client: usize, session: &str) -> bool {
        let id: ConnectionId = format!("client-{client}-{session}").parse().expect("an id");
        self.sockets.open(client, &id, usize::MAX);
        let served = Served { stack: &self.stack, sockets: &self.sockets, topic: topic("labels") };
        served.subscribe(&id, self.sockets.client(client).cursor).await
    }

    /// As one function has it.
    fn notify(&self) -> Notify {
        let Ports { images, objects, .. } = self.machine.machine.ports.clone();
        Notify {
            clock: self.stack.clock.clone(),
            images,
            objects,
            history: Arc::new(self.stack.history()),
            connections: Arc::new(self.stack.connections(self.sockets.clone())),
            pusher: self.sockets.clone(),
            partitioning: Some(PartitionedFanOut { deliveries: self.queue.clone(), receivers_at_once: 1 }),
        }
    }

    fn deliver(&self, timeout: Duration) -> Deliver {
        let notify = Notify { partitioning: None, ..self.notify() };
        Deliver { notify, deliveries: self.queue.clone(), max_attempts: MAX_ATTEMPTS, timeout }
    }

    fn failed(&self) -> Failed {
        let Ports { images, uploads, bus, .. } = self.machine.machine.ports.clone();
        let undispatched = Undispatched {
            images: images.clone(),
            history: Arc::new(self.stack.history()),
            deliveries: self.queue.clone(),
            shards: RANGES,
        };
        Failed { images, uploads, bus, undelivered: Arc::new(undispatched) }
    }

    /// The watermark, and the newest number.
    async fn mark(&self) -> (u64, u64) {
        let head = self.stack.history().head(&topic("labels")).await.unwrap();
        (head.watermark.0, head.newest.0)
    }

    fn received(&self) -> Vec<Vec<u64>> {
        (0..CLIENTS).map(|client| self.sockets.client(client).received.into_iter().collect()).collect()
    }
}

fn published(id: &str) -> Value {
    let ours = BusEvent::TopicPublished {
        id: id.to_owned(),
        topic: "labels".parse().expect("a topic"),
        event: "build.done".to_owned(),
        data: Value::Null,
    };
    let mut event: Value =
        serde_json::from_str(include_str!("../../../infra/events/tests/samples/bus.json")).expect("JSON");
    event["detail-type"] = json!(ours.detail_type());
    event["source"] = json!(BusEvent::SOURCE);
    event["detail"] = ours.detail();
    event
}

/// One message of a queue, received for the so-and-so-many-th time.
fn message(body: &Value, received: u32) -> Value {
    let mut batch: Value =
        serde_json::from_str(include_str!("../../../infra/events/tests/samples/sqs-batch.json")).expect("JSON");
    batch["Records"].as_array_mut().expect("records").truncate(1);
    batch["Records"][0]["body"] = json!(body.to_string());
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = json!(received.to_string());
    batch
}

async fn notify(notify: &Notify, id: &str) {
    notify.handle(read_event(published(id)).expect("an event")).await.unwrap();
}

/// Has `failed` take a message.
async fn exhausted(failed: &Failed, message: Value) -> SqsBatchResponse {
    let each = async |exhausted: Vec<JobRequest>, _| {
        for request in exhausted {
            failed.handle(request).await?;
        }
        PortResult::Ok(())
    };
    let failures = read_failures(message).expect("an event of SQS");
    failures.handle_each("labelcast_exhausted_failures_total", each).await
}

/// How many messages are to be tried again.
async fn delivered(deliver: &Deliver, delivery: &Delivery, received: u32) -> usize {
    let event = message(&serde_json::to_value(delivery).expect("plain data"), received);
    let each = async |delivery, attempt| deliver.handle(delivery, attempt).await;
    let deliveries = read_deliveries(event).expect("an event of SQS");
    deliveries.handle_each("labelcast_delivery_failures_total", each).await.batch_item_failures.len()
}

/// The sockets stand in for clients who look whether their cursor covers something that they never saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_repeated_in_any_order_leave_no_gap_below_a_cursor() {
    const NOTIFIERS: usize = 3;
    const DELIVERERS: usize = 3;
    const EVENTS: usize = 12;
    let running = Running::start().await;
    let mut chances = chance(NOTIFIERS + DELIVERERS);
    let deliverers = chances.split_off(NOTIFIERS);
    let ended = CancellationToken::new();
    let notifying = chances.into_iter().enumerate().map(|(number, mut random)| {
        let function = running.notify();
        async move {
            for event in 0..EVENTS {
                // Every few events one comes again, or comes to two.
                let repeats = if random.random_range(0..4) == 0 { 2 } else { 1 };
                for _ in 0..repeats {
                    notify(&function, &format!("{number}-{event}")).await;
                }
            }
        }
    });
    let delivering = deliverers.into_iter().map(|mut random| {
        let (running, function, ended) = (&running, running.deliver(Duration::from_mins(1)), ended.clone());
        async move {
            loop {
                let over = ended.is_cancelled();
                match running.queue.any(&mut random) {
                    Some(delivery) => {
                        if random.random_range(0..3) == 0 {
                            running.queue.send(std::slice::from_ref(&delivery)).await.unwrap();
                        }
                        for _ in 0..random.random_range(1..=2) {
                            assert_eq!(delivered(&function, &delivery, 1).await, 0);
                        }
                    }
                    None if over => break,
                    None => tokio::task::yield_now().await,
                }
            }
        }
    });
    let notifying = async {
        join_all(notifying).await;
        ended.cancel();
    };
    join(notifying, join_all(delivering)).await;
    let all = (NOTIFIERS * EVENTS) as u64;
    assert_eq!(running.mark().await, (all, all));
    for received in running.received() {
        assert_eq!(received, (1..=all).collect::<Vec<_>>());
    }
}

/// And not before the last: until then each may still be reached.
#[tokio::test]
async fn receivers_the_last_attempt_does_not_reach_are_closed_and_resume() {
    let running = Running::start().await;
    notify(&running.notify(), "a").await;
    let partitions = std::mem::take(&mut *running.queue.waiting());
    assert_eq!(partitions.len(), RANGES as usize, "it was partitioned");
    running.sockets.hang(true);
    let deliver = running.deliver(Duration::from_millis(100));
    for attempt in 1..=MAX_ATTEMPTS {
        assert_eq!((running.sockets.open_sockets(), running.mark().await), (CLIENTS, (0, 1)));
        for partition in &partitions {
            assert_eq!(delivered(&deliver, partition, attempt).await, 1, "it becomes a dead letter all the same");
        }
    }
    assert_eq!((running.sockets.open_sockets(), running.mark().await), (0, (1, 1)));
    running.sockets.hang(false);
    for client in 0..CLIENTS {
        assert!(running.connect(client, "second").await);
    }
    assert_eq!(running.received(), vec![vec![1]; CLIENTS], "from history");
    // Somebody gives the dead letters another try: nobody waits for them any more.
    let frames = running.sockets.frames();
    for partition in &partitions {
        assert_eq!(delivered(&deliver, partition, 1).await, 0);
    }
    assert_eq!((running.sockets.frames(), running.mark().await), (frames, (1, 1)));
}

/// Whether or not it was written before; twice, as queues deliver.
#[tokio::test]
async fn an_exhausted_notification_still_reaches_its_receivers() {
    let running = Running::start().await;
    // Of the first, `notify` wrote and did not push.
    let history = running.stack.history();
    history.append(&[running.stack.entry("a", &[topic("labels")])]).await.unwrap();
    for id in ["a", "b"] {
        for received in 1..=2 {
            let record = json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": published(id)});
            let response = exhausted(&running.failed(), message(&record, received)).await;
            assert_eq!(response.batch_item_failures.len(), 0);
        }
    }
    assert_eq!(running.mark().await, (0, 2));
    let partitions = std::mem::take(&mut *running.queue.waiting());
    for partition in &partitions {
        assert_eq!(delivered(&running.deliver(Duration::from_mins(1)), partition, 1).await, 0);
    }
    assert_eq!((running.received(), running.mark().await), (vec![vec![1, 2]; CLIENTS], (2, 2)));
}

/// Events of others, of a schedule, and of a bucket that was just connected.
#[tokio::test]
async fn an_exhausted_event_without_receivers_is_skipped() {
    let running = Running::start().await;
    let sample = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let mut broken = published("a");
    broken["detail"] = json!({"topic": "no topic of ours"});
    for payload in [
        sample(include_str!("../../../infra/events/tests/samples/bus.json")),
        sample(include_str!("../../../infra/events/tests/samples/scheduled.json")),
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "labelcast"}),
        json!({"Records": []}),
        broken,
        Value::Null,
    ] {
        let record = message(&json!({"requestPayload": payload}), 1);
        assert_eq!(exhausted(&running.failed(), record).await.batch_item_failures.len(), 0, "{payload}");
    }
    assert!(running.queue.waiting().is_empty());
    assert_eq!(running.mark().await, (0, 0));
}

#[tokio::test]
async fn a_small_audience_is_not_partitioned() {
    let running = Running::start().await;
    let mut function = running.notify();
    function.partitioning =
        Some(PartitionedFanOut { deliveries: running.queue.clone(), receivers_at_once: CLIENTS * RANGES as usize });
    notify(&function, "a").await;
    assert!(running.queue.waiting().is_empty());
    assert_eq!(running.mark().await, (1, 1));
    assert_eq!(running.received(), vec![vec![1]; CLIENTS]);
}
