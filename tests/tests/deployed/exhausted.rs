//! Exhausted jobs are kept, and whoever waits is notified.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use chrono::Utc;
use labelcast_functions::model::{BusEvent, ImageId, ImageType, RemovedImage};
use labelcast_functions::ports::AnalysisJob;
use serde_json::{Value, json};

use crate::operator::{Operator, sample};
use crate::stack::Stack;

/// Waits until a queue of dead letters has one that is looked for.
async fn dead(operator: &Operator<'_>, queue: &str, is: impl Fn(&str) -> bool) {
    let url = operator.stack.output(queue);
    let dead = async {
        loop {
            let dead = operator.sqs.receive_message().queue_url(url).wait_time_seconds(20).max_number_of_messages(10);
            let dead = dead.send().await.unwrap();
            if dead.messages().iter().filter_map(|message| message.body()).any(&is) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(5), dead).await.expect("it is dead within five minutes");
}

/// After its three attempts, half a minute apart here: one that is no job, and one whose picture is not there.
#[tokio::test]
async fn a_job_that_keeps_failing_is_dead_lettered_and_its_uploader_notified() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let image = ImageId::from_digest(rand::random());
    let upload = operator.bring(&stack.user("viewer"), image, ImageType::WebP, Utc::now()).await;
    let job = AnalysisJob { image_id: image, content_type: ImageType::WebP };
    let bodies = [format!("no job {}", rand::random::<u32>()), serde_json::to_string(&job).unwrap()];
    for body in &bodies {
        operator.send("AnalysisQueueUrl", body).await;
    }
    let dead = bodies.iter().map(|body| dead(&operator, "AnalysisDeadLettersUrl", move |dead| dead == body));
    futures_util::future::join_all(dead).await;
    let (_, state) = stack.get(&format!("/uploads/{upload}"), "viewer").await;
    assert_eq!(state["state"], "failed", "{state}");
}

/// Something larger than any form allows, which only an operator can put there: `ingest` fails at it whenever it tries.
#[tokio::test]
async fn an_exhausted_ingest_notifies_the_uploader_and_is_kept() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let mut uploader = stack.connect("viewer").await;
    uploader.subscribe(&["uploads"]).await;
    let upload = operator.begin(&stack.user("viewer"), Utc::now()).await;
    let put = operator.s3.put_object().bucket(stack.output("BucketName")).key(format!("new/{upload}"));
    put.body(ByteStream::from(vec![0; 15_728_641])).send().await.unwrap();
    let notified = loop {
        let notified = uploader.notification("upload.failed").await;
        if notified["data"]["upload_id"] == json!(upload) {
            break notified;
        }
    };
    let (_, state) = stack.get(&format!("/uploads/{upload}"), "viewer").await;
    assert_eq!((&state["state"], &state["reason"]), (&json!("failed"), &notified["data"]["reason"]));
    let about = |letter: &str| {
        let record: Value = serde_json::from_str(letter).unwrap();
        assert!(record["responsePayload"]["errorMessage"].is_string(), "it says why: {record}");
        record["requestPayload"].to_string().contains(upload.as_str())
    };
    dead(&operator, "GivenUpDeadLettersUrl", about).await;

    // Functions that nobody waits for keep their exhausted events, too. They get it by hand: the emulator's bus calls a
    // function once and takes no notice of what becomes of it.
    for function in ["index", "notify", "sweep"] {
        let broken = json!({"no event": format!("{function} {}", rand::random::<u32>())});
        operator.give(function, &broken).await;
        let it = |letter: &str| serde_json::from_str::<Value>(letter).unwrap()["requestPayload"] == broken;
        dead(&operator, "GivenUpDeadLettersUrl", it).await;
    }
}

#[tokio::test]
async fn an_exhausted_notification_still_reaches_its_subscribers() {
    let stack = Stack::deployed();
    let operator = Operator::of(&stack).await;
    let mut listening = stack.connect("viewer").await;
    listening.subscribe(&["labels", "uploads"]).await;
    let removed = RemovedImage {
        image_id: ImageId::from_digest(rand::random()),
        generation: None,
        uploaded_at: Utc::now(),
        uploaders: vec![stack.user("viewer").parse().unwrap()],
        was_public: true,
        waiting: Vec::new(),
    };
    let image = removed.image_id;
    let removed = BusEvent::ImageRemoved(removed);
    let mut event = sample!("bus.json");
    event["detail-type"] = json!(removed.detail_type());
    event["detail"] = removed.detail();
    operator.send("FailuresQueueUrl", &json!({"requestPayload": event}).to_string()).await;
    let notified = loop {
        let notified = listening.notification("image.removed").await;
        if notified["data"]["image_id"] == json!(image) {
            break notified;
        }
    };
    assert_eq!(notified["topics"].as_array().map(Vec::len), Some(2), "{notified}");
}
