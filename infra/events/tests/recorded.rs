//! Payloads as AWS sends them, in the form of its documentation (`samples/`), are read into the functions' requests.

use labelcast_events::{
    EventError, read_analysis_jobs, read_deliveries, read_event, read_exhausted, read_failures, read_index_request,
    read_new_objects, read_schedule,
};
use labelcast_functions::model::{
    AnalysisJob, BusEvent, Event, ImageId, ImageType, IndexRequest, JobRequest, NewObject, RemovalRequest,
    RemovedImage, UploadRef,
};
use serde_json::{Value, json};

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("samples/", $name))).unwrap()
    };
}

fn image() -> ImageId {
    ImageId::from_digest([7; 32])
}

fn job() -> AnalysisJob {
    AnalysisJob { image_id: image(), content_type: ImageType::Jpeg }
}

/// A notification of the bucket about this key, which is written as S3 encodes it.
fn object_event(mut event: Value, key: &str) -> Value {
    event["Records"][0]["s3"]["object"]["key"] = json!(key);
    event
}

fn bus_event(ours: &BusEvent) -> Value {
    let mut event = sample!("bus.json");
    event["detail-type"] = json!(ours.detail_type());
    event["source"] = json!(BusEvent::SOURCE);
    event["detail"] = ours.detail();
    event
}

fn received() -> BusEvent {
    let upload = UploadRef { upload_id: "0f3c".parse().unwrap(), user: "anna".parse().unwrap() };
    BusEvent::UploadReceived { upload }
}

fn removal() -> RemovalRequest {
    let image = RemovedImage {
        image_id: image(),
        generation: None,
        uploaded_at: "2026-11-20T10:00:00Z".parse().unwrap(),
        uploaders: vec!["anna".parse().unwrap()],
        was_public: true,
        waiting: Vec::new(),
    };
    RemovalRequest { image, only_uploader: None }
}

/// A batch of messages with these bodies, received for the second time.
fn batch(bodies: &[String]) -> Value {
    let mut batch = sample!("sqs-batch.json");
    let first = batch["Records"][0].clone();
    let messages = bodies.iter().enumerate().map(|(number, body)| {
        let mut message = first.clone();
        message["messageId"] = json!(format!("message-{number}"));
        message["body"] = json!(body);
        message["attributes"]["ApproximateReceiveCount"] = json!("2");
        message
    });
    batch["Records"] = messages.collect();
    batch
}

fn failure_of(payload: Value) -> Value {
    let mut record = sample!("on-failure.json");
    record["requestPayload"] = payload;
    record
}

#[track_caller]
fn assert_foreign<T: std::fmt::Debug>(read: &Result<T, EventError>) {
    assert!(matches!(read, Err(EventError::Foreign(_))), "{read:?}");
}

#[track_caller]
fn assert_unreadable<T: std::fmt::Debug>(read: &Result<T, EventError>) {
    assert!(matches!(read, Err(EventError::Unreadable { .. })), "{read:?}");
}

#[test]
fn a_created_object_is_read_whether_put_or_posted_and_however_its_key_is_encoded() {
    for (event, at) in [
        (sample!("s3-put-2018.json"), "2018-03-23T13:44:30.435Z"),
        (sample!("s3-post.json"), "2026-11-20T10:00:00.123Z"),
    ] {
        let expected = NewObject { upload_id: "0f3c".parse().unwrap(), created_at: at.parse().unwrap() };
        for key in ["new/0f3c", "new%2F0f3c"] {
            assert_eq!(read_new_objects(object_event(event.clone(), key)), Ok(vec![expected.clone()]));
        }
    }
}

#[test]
fn a_created_object_is_read_from_the_buckets_event_on_eventbridge() {
    let expected =
        NewObject { upload_id: "0f3c".parse().unwrap(), created_at: "2026-11-20T10:00:00Z".parse().unwrap() };
    assert_eq!(read_new_objects(sample!("s3-eventbridge.json")), Ok(vec![expected]));
    let mut deleted = sample!("s3-eventbridge.json");
    deleted["detail-type"] = json!("Object Deleted");
    assert_foreign(&read_new_objects(deleted));
}

#[test]
fn object_events_not_about_uploads_are_foreign() {
    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T18:43:48.000Z",
        "Bucket": "labelcast", "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"});
    for event in [
        sample!("s3-put-2018.json"),
        sample!("s3-post.json"),
        object_event(sample!("s3-removed.json"), "new/0f3c"),
        object_event(sample!("s3-put-2018.json"), "new/..%2F..%2Fetc%2Fpasswd"),
        json!({"Records": []}),
        test_event,
    ] {
        assert_foreign(&read_new_objects(event));
    }
    assert_unreadable(&read_new_objects(json!({"Service": "something else"})));
}

#[test]
fn a_foreign_record_does_not_block_the_others() {
    let mut event = object_event(sample!("s3-post.json"), "new/0f3c");
    let foreign = sample!("s3-removed.json")["Records"][0].clone();
    event["Records"].as_array_mut().unwrap().insert(0, foreign);
    assert_eq!(read_new_objects(event).unwrap().len(), 1);
}

#[test]
fn an_event_of_the_bus_is_read_with_its_time() {
    let expected = Event { at: "2026-11-20T18:43:48Z".parse().unwrap(), body: received() };
    assert_eq!(read_event(bus_event(&received())), Ok(expected));
    let removal = removal();
    let request = read_index_request(bus_event(&BusEvent::ImageRemovalRequested(removal.clone())));
    assert_eq!(request, Ok(IndexRequest::Remove(removal)));
}

#[test]
fn foreign_bus_events_are_skipped_and_malformed_ones_are_unreadable() {
    let mut broken = bus_event(&received());
    broken["detail"] = json!({"upload": "none"});
    for event in [sample!("bus.json"), sample!("scheduled.json"), broken] {
        assert_foreign(&read_event(event.clone()));
        assert_foreign(&read_index_request(event));
    }
    assert_foreign(&read_index_request(bus_event(&received())));
    let mut timeless = bus_event(&received());
    timeless["time"] = Value::Null;
    for event in [json!({"no event": 1}), Value::Null, timeless] {
        assert_unreadable(&read_event(event.clone()));
        assert_unreadable(&read_index_request(event));
    }
}

#[test]
fn a_schedule_says_when_it_was_due() {
    let due = read_schedule(sample!("scheduled.json")).unwrap();
    assert_eq!(due, Some("2018-04-03T16:07:58Z".parse().unwrap()));
    assert_unreadable(&read_schedule(json!({"no event": 1})));
}

/// The queue sends only those again that are listed in the response; whatever fails holds up none of the others.
#[tokio::test]
async fn a_batch_response_lists_exactly_the_failed_and_unreadable_messages() {
    let good = serde_json::to_string(&job()).unwrap();
    let bodies = ["no job".to_owned(), good.clone(), "{}".to_owned(), good];
    let batch = read_analysis_jobs(batch(&bodies)).unwrap();
    let attempts: Vec<u32> = batch.requests().map(|(_, attempt)| attempt).collect();
    assert_eq!(attempts, [2; 4]);
    let handled = std::sync::atomic::AtomicUsize::new(0);
    let each = async |request: AnalysisJob, attempt| {
        assert_eq!((request, attempt), (job(), 2));
        match handled.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err("it failed"),
        }
    };
    let response = serde_json::to_value(batch.handle_each("labelcast_analysis_failures_total", each).await).unwrap();
    let failed = ["message-0", "message-2", "message-3"].map(|id| json!({"itemIdentifier": id}));
    assert_eq!(response, json!({"batchItemFailures": failed}));
}

#[test]
fn a_queue_without_receive_counts_reports_no_attempts() {
    let mut batch = batch(&[serde_json::to_string(&job()).unwrap()]);
    batch["Records"][0]["attributes"] = Value::Null;
    let batch = read_analysis_jobs(batch).unwrap();
    assert_eq!(batch.requests().next(), Some((Ok(&job()), 0)));
}

#[test]
fn a_malformed_batch_is_unreadable() {
    for payload in [Value::Null, json!({}), sample!("bus.json")] {
        assert_unreadable(&read_analysis_jobs(payload.clone()));
        assert_unreadable(&read_deliveries(payload.clone()));
        assert_unreadable(&read_failures(payload));
    }
}

#[test]
fn a_failed_invocation_names_its_exhausted_requests() {
    let object = object_event(sample!("s3-post.json"), "new/0f3c");
    let new = NewObject { upload_id: "0f3c".parse().unwrap(), created_at: "2026-11-20T10:00:00.123Z".parse().unwrap() };
    let event = Event { at: "2026-11-20T18:43:48Z".parse().unwrap(), body: received() };
    for (payload, expected) in [
        (object, JobRequest::Ingest(new)),
        (serde_json::to_value(job()).unwrap(), JobRequest::Analyze(job())),
        (bus_event(&BusEvent::ImageRemovalRequested(removal())), JobRequest::Index(IndexRequest::Remove(removal()))),
        (bus_event(&received()), JobRequest::Notify(event)),
    ] {
        assert_eq!(read_exhausted(failure_of(payload)), Ok(vec![expected]));
    }
    assert_unreadable(&read_exhausted(json!({"no record": 1})));
}

#[test]
fn failed_invocations_without_a_recipient_are_skipped_and_broken_records_are_not() {
    let foreign =
        [sample!("bus.json"), sample!("scheduled.json"), json!({"Records": []}), json!({"no event": 1}), Value::Null];
    let mut bodies: Vec<String> = foreign.map(|payload| failure_of(payload).to_string()).into();
    bodies.push("no record".to_owned());
    let batch = read_failures(batch(&bodies)).unwrap();
    let read: Vec<bool> = batch.requests().map(|(read, _)| read.is_ok_and(Vec::is_empty)).collect();
    assert_eq!(read, [true, true, true, true, true, false]);
}
