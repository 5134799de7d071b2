//! [`labelcast_functions::ports::History`]: notifications that are pushed in parts.

use labelcast_functions::model::{Notification, NotificationId, Seq, Subject, TopicKey};
use labelcast_functions::ports::{Clock, NewEntry, Placed};
use serde_json::Value;

use super::Home;
use super::samples::app;

/// As many as a large stack has ranges.
const PARTS: u32 = 256;

async fn append(home: &impl Home, id: &str, topics: &[TopicKey]) -> Vec<Placed> {
    let subject = Subject::Published { name: "build.done".to_owned(), data: Value::Null };
    let notification = Notification { id: NotificationId::given(id), at: home.clock().now(), subject };
    let entry = NewEntry { notification, topics: topics.to_vec() };
    home.ports().history.append(&[entry]).await.unwrap().remove(0).placed
}

/// Where the mark is, and where it may be: on one machine it is the newest at once.
async fn mark_is(home: &impl Home, topic: &TopicKey, in_flight: u64) {
    let head = home.ports().history.head(topic).await.unwrap();
    let below = Seq(in_flight - 1);
    assert!(
        head.settled == below || home.ports().connections.ranges() == 1,
        "{topic}: {head:?}, {in_flight} in flight"
    );
}

async fn mark_is_at_the_end(home: &impl Home, topics: &[TopicKey]) {
    for topic in topics {
        let head = home.ports().history.head(topic).await.unwrap();
        assert_eq!(head.settled, head.newest, "{topic}");
    }
}

/// In any order, on all of its topics (`docs/guarantees.md#delivered-watermark`).
pub async fn the_mark_stays_below_until_the_last_part_has_ended(home: impl Home) {
    let history = &home.ports().history;
    let topics = [app("builds"), app("deploys")];
    let divided = append(&home, "a", &topics).await;
    history.divide(&divided, 3).await.unwrap();
    for part in [2, 0] {
        for topic in &topics {
            mark_is(&home, topic, 1).await;
        }
        history.settle_part(&divided, part).await.unwrap();
    }
    // What comes later and is settled first does not pull it up.
    let later = append(&home, "b", &topics).await;
    history.settle(&later).await.unwrap();
    for topic in &topics {
        mark_is(&home, topic, 1).await;
    }
    history.settle_part(&divided, 1).await.unwrap();
    mark_is_at_the_end(&home, &topics).await;
}

/// The queue delivers at least once.
pub async fn a_part_that_ends_twice_stands_for_no_other(home: impl Home) {
    let history = &home.ports().history;
    let topics = [app("builds")];
    let divided = append(&home, "a", &topics).await;
    history.divide(&divided, 2).await.unwrap();
    for _ in 0..3 {
        history.settle_part(&divided, 1).await.unwrap();
        mark_is(&home, &topics[0], 1).await;
    }
    for _ in 0..2 {
        history.settle_part(&divided, 0).await.unwrap();
        mark_is_at_the_end(&home, &topics).await;
    }
    // After all of it.
    history.settle_part(&divided, 1).await.unwrap();
    mark_is_at_the_end(&home, &topics).await;
}

/// Nor of the same number elsewhere.
pub async fn parts_of_one_notification_are_not_those_of_another(home: impl Home) {
    let history = &home.ports().history;
    let (builds, deploys) = ([app("builds")], [app("deploys")]);
    let first = append(&home, "a", &builds).await;
    let second = append(&home, "b", &builds).await;
    let elsewhere = append(&home, "c", &deploys).await;
    for placed in [&first, &second, &elsewhere] {
        history.divide(placed, 2).await.unwrap();
    }
    for part in 0..2 {
        history.settle_part(&second, part).await.unwrap();
        history.settle_part(&elsewhere, part).await.unwrap();
    }
    mark_is(&home, &builds[0], 1).await;
    mark_is_at_the_end(&home, &deploys).await;
    for part in 0..2 {
        history.settle_part(&first, part).await.unwrap();
    }
    mark_is_at_the_end(&home, &builds).await;
}

/// A repeat of the event divides again, whether the first time was over or not.
pub async fn what_is_divided_again_ends_again(home: impl Home) {
    let history = &home.ports().history;
    let topics = [app("builds"), app("deploys")];
    append(&home, "a", &topics).await;
    for ended in [1, 2, 2] {
        let divided = append(&home, "a", &topics).await;
        history.divide(&divided, 2).await.unwrap();
        mark_is(&home, &topics[1], 1).await;
        for part in 0..ended {
            history.settle_part(&divided, part).await.unwrap();
        }
        if ended == 2 {
            mark_is_at_the_end(&home, &topics).await;
        }
    }
}

/// Rows have their limits (400 KB on DynamoDB): many notifications of a topic at once, each in many parts.
pub async fn many_are_divided_at_once(home: impl Home) {
    let history = &home.ports().history;
    let topics = [app("builds")];
    let mut all = Vec::new();
    for number in 0..100 {
        let divided = append(&home, &format!("id-{number}"), &topics).await;
        history.divide(&divided, PARTS).await.unwrap();
        all.push(divided);
    }
    mark_is(&home, &topics[0], 1).await;
    for part in 0..PARTS {
        history.settle_part(&all[0], part).await.unwrap();
    }
    mark_is(&home, &topics[0], 2).await;
}
