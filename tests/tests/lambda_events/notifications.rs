//! Events that become notifications, and their deliveries.

use std::sync::Arc;

use labelcast_events::{read_deliveries, read_event};
use labelcast_functions::live::Deliver;
use labelcast_functions::model::{BusEvent, Notification, NotificationId, Subject, TopicKey};
use labelcast_functions::ports::{Delivery, NewEntry};
use labelcast_functions::settings::Settings;
use labelcast_tests::TestMachine;
use serde_json::json;

use crate::{NobodyIsPutBack, notify, on_the_bus, sample};

/// Three times, and out of order.
#[tokio::test]
async fn a_repeated_event_keeps_its_number() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["app:builds"]).await;
    let event = |id: &str| {
        let topic = "app:builds".parse().unwrap();
        let ours = BusEvent::TopicPublished {
            id: id.to_owned(),
            topic,
            event: "build.done".to_owned(),
            data: json!({"id": id}),
        };
        on_the_bus(&ours)
    };
    for (id, seq) in [("b", 1), ("a", 2), ("b", 1), ("a", 2), ("c", 3), ("a", 2)] {
        notify(&machine.machine.ports).handle(read_event(event(id)).unwrap()).await.unwrap();
        let frame = socket.frame().await;
        assert_eq!((&frame["id"], &frame["topics"][0]["seq"]), (&json!(id), &json!(seq)));
    }
}

/// In a batch with a malformed one.
#[tokio::test]
async fn a_delivery_reaches_its_shard_and_a_broken_one_does_not_block_it() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["app:builds"]).await;
    let ports = &machine.machine.ports;
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({"ok": true}) };
    let notification = Notification { id: NotificationId::given("divided"), at: ports.clock.now(), subject };
    let entry =
        NewEntry { notification: notification.clone(), topics: vec![TopicKey::Shared("app:builds".parse().unwrap())] };
    let positions = ports.history.append(&[entry]).await.unwrap().remove(0).positions;
    let mut batch = sample!("sqs-batch.json");
    let broken = batch["Records"][1]["messageId"].clone();
    batch["Records"][0]["body"] =
        json!(serde_json::to_string(&Delivery::of_shard(notification, positions, 0)).unwrap());
    let deliver = Deliver {
        notify: notify(ports),
        deliveries: Arc::new(NobodyIsPutBack),
        max_attempts: 3,
        timeout: std::time::Duration::from_mins(1),
    };
    let each = async |delivery, attempt| deliver.handle(delivery, attempt).await;
    let response = read_deliveries(batch).unwrap().handle_each("labelcast_delivery_failures_total", each).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": broken}]}));
    let notified = socket.notification("build.done").await;
    assert_eq!((&notified["id"], &notified["topics"][0]["seq"]), (&json!("divided"), &json!(1)));
}
