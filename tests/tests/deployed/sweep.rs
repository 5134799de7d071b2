//! What a sweep closes and deletes.

use chrono::{TimeDelta, Utc};
use labelcast_functions::model::{
    Caller, Connection, ConnectionId, ImageId, ImageType, Notification, NotificationId, Subject, TopicKey,
};
use labelcast_functions::ports::{Added, Connections, History, NewEntry, Uploads};
use serde_json::json;

use crate::operator::{Operator, Row, sample, text};
use crate::stack::Stack;

/// Topics that one sweep looks at.
const TOPICS: usize = 500;

async fn sweep(operator: &Operator<'_>) {
    operator.call("sweep", &sample!("scheduled.json")).await;
}

/// A connection whose token ended some minutes ago.
async fn expired(operator: &Operator<'_>) -> Connection {
    let then = Utc::now() - TimeDelta::minutes(3);
    let id: ConnectionId = format!("c{}", rand::random::<u32>()).parse().unwrap();
    let user = format!("u{}", rand::random::<u32>());
    let caller =
        Caller { user: user.parse().unwrap(), username: user, groups: [].into(), expires_at: then, account_version: 0 };
    let connection = Connection { id, caller, connected_at: then };
    assert_eq!(operator.connections(then).add(&connection, 10).await.unwrap(), Added::Stored);
    connection
}

#[tokio::test]
async fn connections_end_with_their_tokens() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let connection = expired(&operator).await;
    // Of this one DynamoDB has forgotten all but that its user has it.
    let orphan = expired(&operator).await;
    operator.delete("LiveTableName", &format!("connection#{}", orphan.id), "connection").await;
    sweep(&operator).await;
    assert!(operator.connections(Utc::now()).get(&connection.id).await.unwrap().is_none());
    for gone in [connection, orphan] {
        let count = operator.row("LiveTableName", &format!("user#{}", gone.caller.user), "count").await.unwrap();
        assert_eq!(count["open"].as_n().unwrap(), "0");
    }
}

#[tokio::test]
async fn stalled_uploads_fail_and_old_ones_are_forgotten() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let hours = |hours| Utc::now() - TimeDelta::hours(hours);
    let user = stack.user("viewer");
    let image = ImageId::from_digest(rand::random());
    // Longer ago than the queue keeps a message: nothing can come of it any more.
    let hanging = operator.bring(&user, image, ImageType::Png, hours(24 * 5)).await;
    let waiting = operator.bring(&user, ImageId::from_digest(rand::random()), ImageType::Png, hours(2)).await;
    let never_used = operator.begin(&user, hours(2)).await;
    let old = operator.begin(&user, hours(24 * 40)).await;
    sweep(&operator).await;
    assert_eq!(stack.get(&format!("/uploads/{hanging}"), "viewer").await.1["state"], "failed");
    assert_eq!(stack.get(&format!("/uploads/{waiting}"), "viewer").await.1["state"], "received", "its job may wait");
    assert_eq!(stack.get(&format!("/uploads/{never_used}"), "viewer").await.1["state"], "pending");
    assert!(operator.uploads().get(&old).await.unwrap().is_none());
}

/// Whoever reads a topic keeps it from going as one that nobody uses.
#[tokio::test]
async fn reading_history_or_subscribing_keeps_a_topic_in_use() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let name = format!("app:t{}", rand::random::<u32>());
    let topic: TopicKey = name.parse().unwrap();
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({}) };
    let id = NotificationId::given(&format!("n{}", rand::random::<u32>()));
    let entry = NewEntry { notification: Notification { id, at: Utc::now(), subject }, topics: vec![topic] };
    operator.history(Utc::now()).append(&[entry]).await.unwrap();
    let head = format!("topic#{name}");
    let long_ago = (Utc::now() - TimeDelta::days(80)).timestamp_millis().to_string();
    let forget_use = async || {
        let mut row = operator.row("HistoryTableName", &head, "head").await.unwrap();
        row.insert("used_at".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N(long_ago.clone()));
        operator.put("HistoryTableName", vec![row]).await;
    };
    let used_at = async || operator.row("HistoryTableName", &head, "head").await.unwrap()["used_at"].clone();
    let unused = aws_sdk_dynamodb::types::AttributeValue::N(long_ago.clone());

    forget_use().await;
    assert_eq!(stack.get(&format!("/history/{name}"), "viewer").await.0, 200);
    assert_ne!(used_at().await, unused, "its history was read");

    forget_use().await;
    stack.connect("viewer").await.subscribe(&[&name]).await;
    assert_ne!(used_at().await, unused, "somebody subscribed");
}

/// Sweeps go through the topics some at a time; there are more here than one looks at.
#[tokio::test]
async fn old_notifications_are_forgotten_on_every_topic() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let topics_of_others: Vec<Row> = (0..=TOPICS)
        .map(|number| [("pk", "topics#shared".to_owned()), ("sk", format!("app:other{number:04}"))])
        .map(|row| row.map(|(name, value)| (name.to_owned(), text(&value))).into())
        .collect();
    operator.put("HistoryTableName", topics_of_others).await;
    let topics: [TopicKey; 2] = std::array::from_fn(|_| format!("app:t{}", rand::random::<u32>()).parse().unwrap());
    let history = operator.history(Utc::now() - TimeDelta::hours(48));
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({}) };
    let id = NotificationId::given(&format!("n{}", rand::random::<u32>()));
    let notification = Notification { id, at: Utc::now(), subject };
    history.append(&[NewEntry { notification, topics: topics.to_vec() }]).await.unwrap();
    // As if many had come since on the first of them.
    let head = (format!("topic#{}", topics[0]), "head");
    let mut row = operator.row("HistoryTableName", &head.0, head.1).await.unwrap();
    row.insert("newest".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("20000".to_owned()));
    operator.put("HistoryTableName", vec![row]).await;
    let left = async |topic: &TopicKey| {
        let rows = operator.rows("HistoryTableName", &format!("topic#{topic}")).await;
        rows.iter().any(|row| row["sk"].as_s().unwrap().starts_with("entry#"))
    };
    for _ in 0..4 {
        sweep(&operator).await;
        if !left(&topics[0]).await {
            break;
        }
    }
    assert!(!left(&topics[0]).await);
    assert!(left(&topics[1]).await, "it is among the newest of its topic");
}
