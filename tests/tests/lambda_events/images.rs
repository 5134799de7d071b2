//! Events about objects, images and uploads.

use std::collections::HashMap;

use chrono::Duration;
use labelcast_events::{read_analysis_jobs, read_event, read_index_request, read_schedule};
use labelcast_functions::live::Sweep;
use labelcast_functions::model::{BusEvent, ImageType, RemovalRequest, RemovedImage, UploadRef, UploadState};
use labelcast_functions::ports::{AnalysisJob, Clock as _, ObjectKey, Ports};
use labelcast_functions::settings::Settings;
use labelcast_tests::{TestMachine, picture};
use serde_json::{Value, json};

use crate::{analyze, created, index, ingest_all, notify, on_the_bus, sample, settings, state, uploaded};

/// The object keys of events are form-encoded.
#[tokio::test]
async fn a_created_object_is_ingested_once_whether_put_or_posted_and_however_its_key_is_encoded() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let mut notified: HashMap<String, Value> = HashMap::new();
    for (number, mut event) in [sample!("s3-put-2018.json"), sample!("s3-post.json")].into_iter().enumerate() {
        let id = uploaded(&machine, picture::jpeg(u32::try_from(number).unwrap())).await;
        event["Records"][0]["s3"]["object"]["key"] = json!(format!("new%2F{id}"));
        for _ in 0..3 {
            ingest_all(&machine.machine.ports, &event).await;
        }
        loop {
            let labelled = socket.notification("image.labelled").await;
            let upload = labelled["data"]["upload_id"].as_str().unwrap().to_owned();
            // A repeat may be notified again, under the same id.
            let notified = notified.entry(upload.clone()).or_insert_with(|| labelled["id"].clone());
            assert_eq!(*notified, labelled["id"]);
            if upload == id.as_str() {
                break;
            }
        }
        assert_eq!(state(&machine, &id).await, UploadState::Labelled);
    }
}

/// The queue sends only those again that failed.
#[tokio::test]
async fn only_the_broken_message_of_a_batch_is_reported_as_failed() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    ingest_all(&machine.machine.ports, &created(&id)).await;
    let first = socket.notification("image.labelled").await;

    // The same job once more, beside one that is none.
    let image_id = first["data"]["image"]["image_id"].as_str().unwrap().parse().unwrap();
    let job = AnalysisJob { image_id, content_type: ImageType::Jpeg };
    let mut batch = sample!("sqs-batch.json");
    batch["Records"][0]["body"] = json!(serde_json::to_string(&job).unwrap());
    let analyze = analyze(&machine.machine.ports);
    let each = async |job, attempt| analyze.handle(&job, attempt).await;
    let response = read_analysis_jobs(batch).unwrap().handle_each("labelcast_analysis_failures_total", each).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"}]}));
    let again = socket.notification("image.labelled").await;
    assert_eq!(again["id"], first["id"], "a repeat is told under the same id");
}

/// Whoever requested it was interrupted, or another request came first; repeating the event changes nothing.
#[tokio::test]
async fn a_requested_removal_deletes_the_image_and_notifies_once() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["labels"]).await;
    let ports = &machine.machine.ports;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    ingest_all(ports, &created(&id)).await;
    let notified = socket.notification("image.labelled").await;
    let image_id = notified["data"]["image"]["image_id"].as_str().unwrap().parse().unwrap();
    let stored = ports.images.get(&image_id).await.unwrap().unwrap();
    let files = stored.files();
    let image = RemovedImage {
        image_id,
        generation: stored.generation,
        uploaded_at: stored.uploaded_at,
        uploaders: vec!["someone".parse().unwrap()],
        was_public: true,
        waiting: Vec::new(),
    };
    let removal_requested = BusEvent::ImageRemovalRequested(RemovalRequest { image, only_uploader: None });
    let event = on_the_bus(&removal_requested);
    let mut ids = Vec::new();
    for _ in 0..2 {
        index(ports).handle(read_index_request(event.clone()).unwrap()).await.unwrap();
        ids.push(socket.notification("image.removed").await["id"].clone());
    }
    assert_eq!(ids[0], ids[1], "a repeat is told under the same id");
    assert_eq!(ports.images.get(&image_id).await.unwrap(), None);
    assert_eq!(ports.objects.head(&ObjectKey::original(&files)).await.unwrap(), None);
}

/// An image removed before its label event arrived causes no notification.
#[tokio::test]
async fn an_event_about_a_deleted_image_shows_nothing() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["labels", "uploads"]).await;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    ingest_all(&machine.machine.ports, &created(&id)).await;
    let notified = socket.notification("image.labelled").await;
    let image = notified["data"]["image"]["image_id"].as_str().unwrap().parse().unwrap();
    let images = &machine.machine.ports.images;
    let stored = images.get(&image).await.unwrap().unwrap();
    images.remove(&stored.files(), stored.uploaded_at, None).await.unwrap();
    let upload = UploadRef { upload_id: id, user: "someone".parse().unwrap() };
    let late = BusEvent::ImageLabelled { image_id: image, upload, first: true };
    let event = on_the_bus(&late);
    notify(&machine.machine.ports).handle(read_event(event).unwrap()).await.unwrap();
    // What comes next is the answer to the ping: nothing was shown before it.
    let (before, pong) = socket.ask(json!({"action": "ping"})).await;
    assert_eq!((before, &pong["type"]), (Vec::new(), &json!("pong")));
}

#[tokio::test]
async fn a_scheduled_event_runs_the_sweep() {
    let machine = TestMachine::start(Settings::default()).await;
    let id = uploaded(&machine, b"never taken".to_vec()).await;
    let mut event = sample!("scheduled.json");
    let due = machine.clock.now();
    event["time"] = json!(due);
    machine.clock.advance(Duration::days(1));
    let Ports { clock, connections, pusher, uploads, upload_jobs, objects, bus, history, idempotency, .. } =
        machine.machine.ports.clone();
    let (expiry, settings) = (None, settings());
    let sweep = Sweep {
        clock,
        connections,
        pusher,
        uploads,
        upload_jobs,
        objects,
        bus,
        history,
        idempotency,
        expiry,
        settings,
    };
    assert_eq!(read_schedule(event).unwrap(), Some(due));
    // Its object exists, and no event about it ever arrived.
    assert_eq!(sweep.handle().await.unwrap().failed, 1);
    assert_eq!(state(&machine, &id).await, UploadState::Failed);
    assert_eq!(sweep.handle().await.unwrap().failed, 0, "once");
}
