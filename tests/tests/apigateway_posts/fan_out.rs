//! `deliver` with thousands of receivers, some of them gone, and answers that take their time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsBatchResponse;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_events::read_deliveries;
use labelcast_functions::live::{Deliver, Notify, PartitionedFanOut};
use labelcast_functions::model::{BusEvent, Caller, Connection, ConnectionId, Cursor, Event, Seq, Topic, TopicKey};
use labelcast_functions::ports::{
    Added, Appended, Connections, Deliveries, Delivery, Expiry, Frame, GoLive, Head, History, HistoryPage,
    MessageAllowed, NewEntry, PageLimit, PortError, PortResult, Ports, Replacing, Subscribed, Subscription,
    SubscriptionState, TopicPosition, Which,
};
use labelcast_functions::settings::Settings;
use labelcast_tests::TestMachine;
use serde_json::{Value, json};

use super::gateway::Gateway;

const RECEIVERS: usize = 4_000;
/// A call of DynamoDB or of the management API.
const CALL: Duration = Duration::from_millis(10);
const MAX_ATTEMPTS: u32 = 3;

/// All live on one topic. Each row takes a call to read and another to remove; rows of `goneN7` cannot be removed.
struct Receivers {
    ids: Vec<ConnectionId>,
    removed: Mutex<HashSet<ConnectionId>>,
}

fn caller() -> Caller {
    Caller {
        user: "anna".parse().unwrap(),
        username: "anna".to_owned(),
        groups: [].into(),
        expires_at: Utc::now() + TimeDelta::hours(1),
        account_version: 0,
    }
}

#[async_trait]
impl Connections for Receivers {
    async fn get(&self, id: &ConnectionId) -> PortResult<Option<Connection>> {
        tokio::time::sleep(CALL).await;
        Ok(Some(Connection { id: id.clone(), caller: caller(), connected_at: Utc::now() }))
    }

    async fn remove(&self, read: &Connection) -> PortResult<bool> {
        tokio::time::sleep(CALL).await;
        if read.id.as_str().ends_with('7') {
            return Err(PortError::Unavailable { what: "the table of connections", why: "throttled".to_owned() });
        }
        Ok(self.removed.lock().unwrap().insert(read.id.clone()))
    }

    async fn visit(
        &self,
        topic: &TopicKey,
        _: Seq,
        _: Which<'_>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        let caller = Arc::new(caller());
        for id in &self.ids {
            visitor(&Subscription {
                connection: id.clone(),
                topic: topic.clone(),
                filter: None,
                state: SubscriptionState::Live,
                caller: caller.clone(),
            });
        }
        Ok(())
    }

    async fn add(&self, _: &Connection, _: usize) -> PortResult<Added> {
        unreachable!()
    }
    async fn on_message(
        &self,
        _: &ConnectionId,
        _: u32,
        _: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        unreachable!()
    }
    async fn subscriptions(&self, _: &ConnectionId) -> PortResult<Vec<Subscription>> {
        unreachable!()
    }
    async fn subscribe(&self, _: &ConnectionId, _: &[Subscription], _: Replacing, _: usize) -> PortResult<Subscribed> {
        unreachable!()
    }
    async fn go_live(&self, _: &ConnectionId, _: &[(TopicKey, Cursor)], _: Frame) -> PortResult<GoLive> {
        unreachable!()
    }
    async fn unsubscribe(&self, _: &ConnectionId, _: &[TopicKey]) -> PortResult<()> {
        unreachable!()
    }
    async fn refresh(&self, _: &ConnectionId, _: &Caller, _: &[Topic]) -> PortResult<bool> {
        unreachable!()
    }
    async fn expired(&self, _: DateTime<Utc>, _: usize) -> PortResult<Vec<Connection>> {
        unreachable!()
    }
}

/// That of one machine; counts what is delivered, and how many posts had been made by then.
struct Delivered {
    history: Arc<dyn History>,
    gateway: Gateway,
    count: AtomicUsize,
    posts: AtomicUsize,
}

#[async_trait]
impl History for Delivered {
    async fn append(&self, entries: &[NewEntry]) -> PortResult<Vec<Appended>> {
        self.history.append(entries).await
    }
    async fn mark_delivered(&self, positions: &[TopicPosition]) -> PortResult<()> {
        self.posts.store(self.gateway.posts.lock().unwrap().len(), Ordering::SeqCst);
        self.count.fetch_add(1, Ordering::SeqCst);
        self.history.mark_delivered(positions).await
    }
    async fn head(&self, topic: &TopicKey) -> PortResult<Head> {
        self.history.head(topic).await
    }
    async fn read(&self, topic: &TopicKey, after: Seq, limit: PageLimit) -> PortResult<HistoryPage> {
        self.history.read(topic, after, limit).await
    }
    async fn expire(&self, expiry: Expiry) -> PortResult<u64> {
        self.history.expire(expiry).await
    }
}

/// Stands in for the queue before `deliver`.
#[derive(Default)]
struct Queue(Mutex<Vec<Delivery>>);

#[async_trait]
impl Deliveries for Queue {
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()> {
        self.0.lock().unwrap().extend_from_slice(deliveries);
        Ok(())
    }
}

struct Running {
    _machine: TestMachine,
    gateway: Gateway,
    receivers: Arc<Receivers>,
    delivered: Arc<Delivered>,
    queue: Arc<Queue>,
    notify: Notify,
    delivery: Delivery,
}

impl Running {
    /// With a notification that stands in history, and these receivers; pushing may take so long.
    async fn with(names: impl Iterator<Item = String>, delay: Duration, push_time: Duration) -> Self {
        let machine = TestMachine::start(Settings::default()).await;
        let Ports { clock, images, objects, history, .. } = machine.machine.ports.clone();
        let gateway = Gateway::with_delay(delay);
        let ids = names.map(|name| name.parse().unwrap()).collect();
        let receivers = Arc::new(Receivers { ids, removed: Mutex::default() });
        let (count, posts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let delivered = Arc::new(Delivered { history, gateway: gateway.clone(), count, posts });
        let queue = Arc::new(Queue::default());
        let notify = Notify {
            clock: clock.clone(),
            images,
            objects,
            history: delivered.clone(),
            connections: receivers.clone(),
            pusher: Arc::new(gateway.pusher().await.pushing_for(push_time)),
            partitioning: None,
        };
        let delivery = delivery(&*delivered, clock.now()).await;
        Self { _machine: machine, gateway, receivers, delivered, queue, notify, delivery }
    }

    /// Has `deliver` take a message for the n-th time.
    async fn deliver(&self, delivery: &Delivery, attempt: u32) -> SqsBatchResponse {
        let deliver = Deliver {
            notify: self.notify.clone(),
            deliveries: self.queue.clone(),
            max_attempts: MAX_ATTEMPTS,
            timeout: Duration::from_mins(1),
        };
        let mut event: Value =
            serde_json::from_str(include_str!("../../../infra/events/tests/samples/sqs-batch.json")).unwrap();
        event["Records"].as_array_mut().unwrap().truncate(1);
        event["Records"][0]["body"] = json!(serde_json::to_string(delivery).unwrap());
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = json!(attempt.to_string());
        let each = async |delivery, attempt| deliver.handle(delivery, attempt).await;
        read_deliveries(event).unwrap().handle_each("labelcast_delivery_failures_total", each).await
    }

    fn times_delivered(&self) -> usize {
        self.delivered.count.load(Ordering::SeqCst)
    }

    fn put_back(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.queue.0.lock().unwrap())
    }

    fn times_posted(&self, name: &str) -> usize {
        self.gateway.posts.lock().unwrap().get(name).map_or(0, Vec::len)
    }
}

async fn delivery(history: &dyn History, at: DateTime<Utc>) -> Delivery {
    use labelcast_functions::model::{Notification, NotificationId, Subject};
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({"ok": true}) };
    let notification = Notification { id: NotificationId::given("many"), at, subject };
    let topics = vec![TopicKey::Shared("app:builds".parse().unwrap())];
    let entry = NewEntry { notification: notification.clone(), topics };
    let positions = history.append(&[entry]).await.unwrap().remove(0).positions;
    Delivery::of_shard(notification, positions, 0)
}

/// One row after the other would take 20 s here; and rows that cannot be removed undo nothing.
#[tokio::test]
async fn thousands_are_served_and_the_watermark_advances_although_a_quarter_is_gone() {
    let names = (0..RECEIVERS).map(|n| if n % 4 == 0 { format!("gone{n}") } else { format!("open{n}") });
    let names = names.chain(["gone7".to_owned(), "gone17".to_owned()]);
    let running = Running::with(names, CALL, Duration::from_secs(45)).await;
    let begin = std::time::Instant::now();
    let response = running.deliver(&running.delivery, 1).await;
    let took = begin.elapsed();
    assert!(response.batch_item_failures.is_empty(), "what was delivered is not delivered again");
    assert_eq!(running.times_delivered(), 1);
    assert_eq!(
        running.delivered.posts.load(Ordering::SeqCst),
        RECEIVERS + 2,
        "the partition is done after everybody was posted to"
    );
    assert!(running.gateway.closed.lock().unwrap().is_empty(), "nobody healthy is closed");
    assert_eq!(running.receivers.removed.lock().unwrap().len(), RECEIVERS / 4);
    assert_eq!(running.put_back(), []);
    assert!(took < Duration::from_secs(15), "it took {took:?}");
}

#[tokio::test]
async fn receivers_not_served_in_time_are_served_by_another_run_alone() {
    let names = ["open1", "throttled6", "gone2", "open3"].map(str::to_owned);
    let running = Running::with(names.into_iter(), Duration::ZERO, Duration::from_millis(300)).await;
    assert!(running.deliver(&running.delivery, 1).await.batch_item_failures.is_empty());
    assert_eq!(running.times_delivered(), 0, "no cursor passes it before all were served");
    let [left] = running.put_back().try_into().expect("one message");
    assert_eq!(left.only, Some(vec!["throttled6".parse().unwrap()]));
    assert_eq!(left.attempts, 1);

    // As the queue delivers it, with a run that has time.
    let patient = Running { notify: running.notify.clone(), ..running };
    let pusher = patient.gateway.pusher().await;
    let patient = Running { notify: Notify { pusher: Arc::new(pusher), ..patient.notify.clone() }, ..patient };
    assert!(patient.deliver(&left, 1).await.batch_item_failures.is_empty());
    assert_eq!(patient.times_delivered(), 1);
    assert_eq!(patient.times_posted("throttled6"), 7);
    assert_eq!([patient.times_posted("open1"), patient.times_posted("open3")], [1, 1], "once is enough for the others");
    assert!(patient.gateway.closed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_last_attempt_closes_unserved_receivers_before_the_watermark_advances() {
    let names = ["open1", "throttled999"].map(str::to_owned);
    let running = Running::with(names.into_iter(), Duration::ZERO, Duration::from_millis(200)).await;
    let again = Delivery { attempts: MAX_ATTEMPTS - 1, ..running.delivery.clone() };
    assert!(running.deliver(&again, 1).await.batch_item_failures.is_empty());
    assert_eq!(*running.gateway.closed.lock().unwrap(), ["throttled999"]);
    assert_eq!(running.times_delivered(), 1);
    assert_eq!(running.put_back(), []);
}

#[tokio::test]
async fn a_receiver_that_cannot_even_be_closed_keeps_the_watermark_below() {
    let names = ["open1", "stuck"].map(str::to_owned);
    let running = Running::with(names.into_iter(), Duration::ZERO, Duration::from_millis(200)).await;
    let response = running.deliver(&running.delivery, MAX_ATTEMPTS).await;
    assert_eq!(response.batch_item_failures.len(), 1, "it becomes a dead letter");
    assert_eq!(running.times_delivered(), 0);
}

#[tokio::test]
async fn receivers_notify_did_not_serve_in_time_are_left_to_deliver() {
    let names = ["open1", "throttled999"].map(str::to_owned);
    let running = Running::with(names.into_iter(), Duration::ZERO, Duration::from_millis(200)).await;
    let partitioning = Some(PartitionedFanOut { deliveries: running.queue.clone(), receivers_at_once: 5_000 });
    let notify = Notify { partitioning, ..running.notify.clone() };
    let published = BusEvent::TopicPublished {
        id: "n1".to_owned(),
        topic: "app:fresh".parse().unwrap(),
        event: "build.done".to_owned(),
        data: json!({}),
    };
    notify.handle(Event { at: Utc::now(), body: published }).await.unwrap();
    assert_eq!(running.times_delivered(), 0);
    let left = running.put_back();
    assert_eq!(left.iter().filter_map(|one| one.only.clone()).flatten().count(), 1, "the one who is left");
    assert_eq!(left[0].only, Some(vec!["throttled999".parse().unwrap()]));
}
