//! The largest notifications that the endpoints accept, through queues, tables and frames.

use std::collections::BTreeSet;

use aws_sdk_sqs::Client;
use labelcast_aws::queue::SqsQueue;
use labelcast_functions::model::{BusEvent, Notification, NotificationId, Seq, Subject, TopicKey};
use labelcast_functions::ports::{Clock, Deliveries, Delivery, Frame, History, NewEntry, PageLimit};
use labelcast_tests::aws;
use serde_json::{Value, json};

use super::{Stack, topic};

/// Of `data`, in bytes of JSON and in levels (`publish`).
const MAX_DATA: usize = 24 * 1024;
const MAX_DEPTH: usize = 64;
/// What the endpoints of a queue and of a row take, in bytes: SQS's older and smaller figure, and DynamoDB's.
const MESSAGE: usize = 256 * 1024;
const ROW: usize = 400 * 1024;

/// Values that fill their bytes in ways that must stay distinguishable.
fn largest() -> Vec<Value> {
    let nested = (1..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    vec![
        json!("x".repeat(MAX_DATA - 2)),
        // Two characters that SQS takes in no message, and one that takes six bytes for one.
        json!("\u{fffe}\u{ffff}".repeat(MAX_DATA / 6 - 1)),
        json!("\u{1}".repeat(MAX_DATA / 6 - 1)),
        json!(vec![1; MAX_DATA / 2 - 1]),
        nested,
    ]
}

fn entry(stack: &Stack, number: usize, data: Value) -> NewEntry {
    let subject = Subject::Published { name: "n".repeat(64), data };
    let notification =
        Notification { id: NotificationId::given(&format!("{number:064}")), at: stack.clock.now(), subject };
    NewEntry { notification, topics: vec![topic(&format!("app:{}", "t".repeat(64)))] }
}

/// As the bus hands it to `notify`: Lambda reads it from JSON, as one text.
fn through_the_bus(data: Value) -> Value {
    let event = BusEvent::TopicPublished {
        id: "i".repeat(64),
        topic: "app:builds".parse().expect("a topic"),
        event: "n".repeat(64),
        data,
    };
    let text = json!({"requestPayload": {"detail-type": event.detail_type(), "detail": event.detail()}}).to_string();
    assert!(text.len() < MESSAGE);
    let mut read: Value = serde_json::from_str(&text).expect("an exhausted event can be read again");
    match BusEvent::from_parts(event.detail_type(), &read["requestPayload"]["detail"].take()) {
        Some(BusEvent::TopicPublished { data, .. }) => data,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_largest_notification_is_stored_read_and_partitioned() {
    let stack = Stack::start().await;
    let sqs = Client::new(&aws::client_config(&stack.endpoint).await);
    let url = sqs.create_queue().queue_name(format!("{}-deliver", stack.name)).send().await.unwrap().queue_url.unwrap();
    let queue = SqsQueue::new(sqs.clone(), &url);
    for (number, data) in largest().into_iter().enumerate() {
        assert!(data.to_string().len() <= MAX_DATA);
        let entry = entry(&stack, number, through_the_bus(data));
        let NewEntry { notification, topics } = &entry;
        let positions = stack.history().append(std::slice::from_ref(&entry)).await.unwrap().remove(0).positions;
        let page = stack.history().read(&topics[0], Seq(number as u64), PageLimit::entries(10)).await.unwrap();
        assert_eq!(page.entries[0].notification, *notification);
        assert!(
            Frame::encode(notification).is_some_and(|frame| frame.bytes().len() < ROW),
            "with room for its envelope"
        );
        let all: Vec<Delivery> =
            (0..16).map(|shard| Delivery::of_shard(notification.clone(), positions.clone(), shard)).collect();
        queue.send(&all).await.unwrap();
        assert_eq!(received(&sqs, &url, &all[0]).await, (0..16).collect());
    }
}

/// The shards of all messages, which are identical otherwise.
async fn received(sqs: &Client, url: &str, expected: &Delivery) -> BTreeSet<u32> {
    let mut shards = BTreeSet::new();
    while shards.len() < 16 {
        let response =
            sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(5).send().await;
        for message in response.unwrap().messages() {
            let body = message.body().unwrap();
            assert!(body.len() < MESSAGE && body.chars().all(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')));
            let delivery: Delivery = serde_json::from_str(body).unwrap();
            shards.insert(delivery.shard);
            assert_eq!(Delivery { shard: expected.shard, ..delivery }, *expected);
            sqs.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        }
    }
    shards
}

/// As many as the rules let one event have: each has its own heads and rows in one transaction.
#[tokio::test]
async fn an_event_on_the_maximum_number_of_topics_is_one_entry() {
    let stack = Stack::start().await;
    let topics: Vec<TopicKey> =
        (0..32).map(|number| topic(&format!("uploads:{}{number:02}", "u".repeat(62)))).collect();
    let entry = NewEntry { topics: topics.clone(), ..entry(&stack, 0, largest().remove(0)) };
    let history = stack.history();
    let positions = history.append(&[entry]).await.unwrap().remove(0).positions;
    assert_eq!(positions.len(), 32);
    history.partition(&positions, 2).await.unwrap();
    for partition in 0..2 {
        assert_eq!(history.head(&topics[31]).await.unwrap().watermark, Seq(0));
        history.mark_partition_delivered(&positions, partition).await.unwrap();
    }
    for topic in &topics {
        assert_eq!(history.head(topic).await.unwrap().watermark, Seq(1));
    }
}
