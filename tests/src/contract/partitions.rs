//! [`labelcast_functions::ports::History`]: notifications that are pushed in parts.

use labelcast_functions::model::{Notification, NotificationId, Seq, Subject, TopicKey};
use labelcast_functions::ports::{Clock, NewEntry, TopicPosition};
use serde_json::Value;

use super::Backend;
use super::samples::app;

/// As many as a large stack has shards.
const PARTITIONS: u32 = 256;

async fn append(backend: &impl Backend, id: &str, topics: &[TopicKey]) -> Vec<TopicPosition> {
    let subject = Subject::Published { name: "build.done".to_owned(), data: Value::Null };
    let notification = Notification { id: NotificationId::given(id), at: backend.clock().now(), subject };
    let entry = NewEntry { notification, topics: topics.to_vec() };
    backend.ports().history.append(&[entry]).await.unwrap().remove(0).positions
}

/// The watermark, and where it may be: on one machine it is the newest number at once.
async fn mark_is(backend: &impl Backend, topic: &TopicKey, in_flight: u64) {
    let head = backend.ports().history.head(topic).await.unwrap();
    let below = Seq(in_flight - 1);
    assert!(
        head.watermark == below || backend.ports().connections.shards() == 1,
        "{topic}: {head:?}, {in_flight} in flight"
    );
}

async fn mark_is_at_the_end(backend: &impl Backend, topics: &[TopicKey]) {
    for topic in topics {
        let head = backend.ports().history.head(topic).await.unwrap();
        assert_eq!(head.watermark, head.newest, "{topic}");
    }
}

/// In any order, on all of its topics (`docs/guarantees.md#delivered-watermark`).
pub async fn the_watermark_stays_below_until_the_last_partition_is_done(backend: impl Backend) {
    let history = &backend.ports().history;
    let topics = [app("builds"), app("deploys")];
    let partitioned = append(&backend, "a", &topics).await;
    history.partition(&partitioned, 3).await.unwrap();
    for partition in [2, 0] {
        for topic in &topics {
            mark_is(&backend, topic, 1).await;
        }
        history.mark_partition_delivered(&partitioned, partition).await.unwrap();
    }
    // What comes later and is delivered first does not pull it up.
    let later = append(&backend, "b", &topics).await;
    history.mark_delivered(&later).await.unwrap();
    for topic in &topics {
        mark_is(&backend, topic, 1).await;
    }
    history.mark_partition_delivered(&partitioned, 1).await.unwrap();
    mark_is_at_the_end(&backend, &topics).await;
}

/// The queue delivers at least once.
pub async fn a_partition_completed_twice_does_not_count_for_another(backend: impl Backend) {
    let history = &backend.ports().history;
    let topics = [app("builds")];
    let partitioned = append(&backend, "a", &topics).await;
    history.partition(&partitioned, 2).await.unwrap();
    for _ in 0..3 {
        history.mark_partition_delivered(&partitioned, 1).await.unwrap();
        mark_is(&backend, &topics[0], 1).await;
    }
    for _ in 0..2 {
        history.mark_partition_delivered(&partitioned, 0).await.unwrap();
        mark_is_at_the_end(&backend, &topics).await;
    }
    // After all of it.
    history.mark_partition_delivered(&partitioned, 1).await.unwrap();
    mark_is_at_the_end(&backend, &topics).await;
}

/// Nor of the same number elsewhere.
pub async fn partitions_of_different_notifications_are_independent(backend: impl Backend) {
    let history = &backend.ports().history;
    let (builds, deploys) = ([app("builds")], [app("deploys")]);
    let first = append(&backend, "a", &builds).await;
    let second = append(&backend, "b", &builds).await;
    let elsewhere = append(&backend, "c", &deploys).await;
    for positions in [&first, &second, &elsewhere] {
        history.partition(positions, 2).await.unwrap();
    }
    for partition in 0..2 {
        history.mark_partition_delivered(&second, partition).await.unwrap();
        history.mark_partition_delivered(&elsewhere, partition).await.unwrap();
    }
    mark_is(&backend, &builds[0], 1).await;
    mark_is_at_the_end(&backend, &deploys).await;
    for partition in 0..2 {
        history.mark_partition_delivered(&first, partition).await.unwrap();
    }
    mark_is_at_the_end(&backend, &builds).await;
}

/// A repeat of the event partitions again, whether the first time was over or not.
pub async fn a_notification_partitioned_again_completes_again(backend: impl Backend) {
    let history = &backend.ports().history;
    let topics = [app("builds"), app("deploys")];
    append(&backend, "a", &topics).await;
    for ended in [1, 2, 2] {
        let partitioned = append(&backend, "a", &topics).await;
        history.partition(&partitioned, 2).await.unwrap();
        mark_is(&backend, &topics[1], 1).await;
        for partition in 0..ended {
            history.mark_partition_delivered(&partitioned, partition).await.unwrap();
        }
        if ended == 2 {
            mark_is_at_the_end(&backend, &topics).await;
        }
    }
}

/// Rows have their limits (400 KB on DynamoDB): many notifications of a topic at once, each in many parts.
pub async fn many_notifications_are_partitioned_concurrently(backend: impl Backend) {
    let history = &backend.ports().history;
    let topics = [app("builds")];
    let mut all = Vec::new();
    for number in 0..100 {
        let partitioned = append(&backend, &format!("id-{number}"), &topics).await;
        history.partition(&partitioned, PARTITIONS).await.unwrap();
        all.push(partitioned);
    }
    mark_is(&backend, &topics[0], 1).await;
    for partition in 0..PARTITIONS {
        history.mark_partition_delivered(&all[0], partition).await.unwrap();
    }
    mark_is(&backend, &topics[0], 2).await;
}
