//! Many at once: receivers that one invocation does not serve, and a picture with many uploaders.

use aws_lc_rs::digest;
use chrono::Utc;
use labelcast_aws::dynamodb::Shards;
use labelcast_functions::model::{ConnectionId, ImageFiles, ImageId, ImageType, Notification, NotificationId, Subject};
use labelcast_functions::ports::{Delivery, History, NewEntry};
use labelcast_tests::Socket;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::live::{key, numbers, publish};
use crate::operator::{Operator, RANGES};
use crate::stack::{Stack, unique};

/// An image's row has room for 50.
const BROUGHT: usize = 51;

async fn connection_of(socket: &mut Socket) -> String {
    socket.ask(json!({"action": "ping"})).await.1["connection_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn deliver_also_closes_a_connection_whose_replay_never_completed() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let key = key(&stack).await;
    let topic = format!("app:t{}", rand::random::<u32>());
    // One in the first shard is enough for three receivers to be too many; `notify` itself reads no other shard.
    let mut watching = Vec::new();
    let mut late = None;
    while watching.is_empty() || late.is_none() {
        let mut socket = stack.connect("viewer").await;
        socket.subscribe(&[&topic]).await;
        let id: ConnectionId = connection_of(&mut socket).await.parse().unwrap();
        match Shards::new(RANGES).unwrap().of(&id) {
            0 => watching.push(socket),
            _ if late.is_none() => {
                operator.let_lease_end(&id, &topic).await;
                late = Some(socket);
            }
            _ => {}
        }
    }
    assert_eq!(publish(&stack, &key, &topic, 7).await.0, StatusCode::ACCEPTED);
    assert_eq!(numbers(&mut watching[0], 1).await, [7]);
    assert!(late.unwrap().ends().await, "it is closed, and will resume");
}

#[tokio::test]
async fn a_picture_uploaded_by_many_is_shown_like_any_other() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let word = format!("carousel{}", rand::random::<u32>());
    let bytes = unique(&format!("Violence, {word}"));
    let sha256 = digest::digest(&digest::SHA256, &bytes);
    let id = ImageId::from_digest(sha256.as_ref().try_into().unwrap());
    let first = operator.bring("somebody", id, ImageType::Png, Utc::now()).await;
    // The files are those of the upload that made the row.
    operator.write_files(&ImageFiles { image_id: id, generation: Some(first.clone()) }, &bytes).await;
    for _ in 1..BROUGHT {
        operator.bring("somebody", id, ImageType::Png, Utc::now()).await;
    }
    let mut moderator = stack.connect("moderator").await;
    let cursor = moderator.subscribe(&["moderation"]).await["topics"][0]["cursor"].clone();
    let upload = stack.upload("viewer", "image/png", bytes).await;
    let alert = alert(&mut moderator, &id).await;
    stack.fetch(&alert["data"]["image"]).await;

    let path = format!("/images/{id}");
    stack.fetch(&stack.get(&path, "moderator").await.1).await;
    let (_, found) = stack.get(&format!("/images?q={word}"), "moderator").await;
    stack.fetch(&found["images"][0]).await;
    let (_, queue) = stack.get("/moderation", "moderator").await;
    let waits = queue["images"].as_array().unwrap().iter().find(|image| image["image_id"] == json!(id));
    stack.fetch(waits.expect("it waits for a moderator")).await;
    let (_, history) = stack.get("/history/moderation", "moderator").await;
    let mut notified = history["notifications"].as_array().unwrap().iter();
    let notified = notified.rfind(|notified| notified["data"]["image"]["image_id"] == json!(id));
    stack.fetch(&notified.expect("it is in the history")["data"]["image"]).await;

    // Whoever comes back gets it again.
    let mut back = stack.connect("moderator").await;
    let since = json!({"action": "subscribe", "topics": ["moderation"], "since": {"moderation": cursor}});
    let (replayed, _) = back.ask(since).await;
    let again = replayed.iter().find(|frame| frame["data"]["image"]["image_id"] == json!(id));
    stack.fetch(&again.expect("it is replayed")["data"]["image"]).await;

    // As if there were so many receivers that each shard is served on its own.
    let notification = Notification {
        id: NotificationId::derive(&["image.offensive", &id.to_string(), first.as_str()]),
        at: Utc::now(),
        subject: Subject::ImageOffensive { image_id: id },
    };
    let entry = NewEntry { notification: notification.clone(), topics: vec!["moderation".parse().unwrap()] };
    let positions = operator.history(Utc::now()).append(&[entry]).await.unwrap().remove(0).positions;
    for shard in 0..4 {
        let delivery = Delivery::of_shard(notification.clone(), positions.clone(), shard);
        operator.send("DeliveryQueueUrl", &serde_json::to_string(&delivery).unwrap()).await;
    }
    let repeated = self::alert(&mut moderator, &id).await;
    assert_eq!(repeated["id"], alert["id"], "under the same id");
    stack.fetch(&repeated["data"]["image"]).await;

    // The exhausted event is about all its uploaders; they have been notified already.
    let exhausted = json!({"image_id": id, "content_type": "image/png"});
    operator.send("FailuresQueueUrl", &json!({"requestPayload": exhausted}).to_string()).await;
    let (_, state) = stack.get(&format!("/uploads/{upload}"), "viewer").await;
    assert_eq!(state["state"], "labelled", "{state}");
}

async fn alert(moderator: &mut Socket, id: &ImageId) -> Value {
    loop {
        let alert = moderator.notification("image.offensive").await;
        if alert["data"]["image"]["image_id"] == json!(id) {
            return alert;
        }
    }
}
