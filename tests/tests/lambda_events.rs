//! Every handler takes the events that AWS really sends, in the form of its documentation (`infra/events/tests/samples`).

use std::collections::HashMap;
use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use bytes::Bytes;
use chrono::Duration;
use labelcast_events::{
    read_analysis_jobs, read_deliveries, read_event, read_exhausted, read_failures, read_index_request,
    read_new_objects, read_schedule, websocket,
};
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::images::{Analyze, Decoding, Failed, Index, Ingest};
use labelcast_functions::live::{
    Authorize, CloseSubscribers, Connect, Deliver, Disconnect, Notify, ReplayBudget, Route, Sweep,
};
use labelcast_functions::model::{
    BusEvent, ConnectionId, ImageType, JobRequest, Notification, NotificationId, RemovalRequest, RemovedImage, Subject,
    TopicKey, UploadId, UploadRef, UploadState,
};
use labelcast_functions::ports::{
    AnalysisJob, Clock, CurrentUntilExpiry, Deliveries, Delivery, NewEntry, ObjectKey, PortResult, Ports,
};
use labelcast_functions::settings::Settings;
use labelcast_functions::token::Verifier;
use labelcast_tests::{TestMachine, picture};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../infra/events/tests/samples/", $name))).unwrap()
    };
}

fn read<T: DeserializeOwned>(event: &Value) -> T {
    serde_json::from_value(event.clone()).unwrap()
}

fn settings() -> Arc<Settings> {
    Arc::new(Settings::default())
}

fn ingest(ports: &Ports) -> Ingest {
    let Ports { clock, objects, uploads, images, queue, bus, .. } = ports.clone();
    let decoding = Decoding::new(MemoryBudget::new(ByteSize::mib(512)), std::num::NonZeroUsize::MIN);
    Ingest { clock, objects, uploads, images, queue, bus, decoding, detector: None, settings: settings() }
}

fn analyze(ports: &Ports) -> Analyze {
    let Ports { clock, detector, images, uploads, bus, .. } = ports.clone();
    Analyze { clock, detector, images, uploads, bus, settings: settings() }
}

fn index(ports: &Ports) -> Index {
    let Ports { images, objects, uploads, bus, .. } = ports.clone();
    Index { images, objects, uploads, bus }
}

fn notify(ports: &Ports) -> Notify {
    let Ports { clock, images, objects, history, connections, pusher, .. } = ports.clone();
    Notify { clock, images, objects, history, connections, pusher, partitioning: None }
}

/// On one machine everybody is served in time.
struct NobodyIsPutBack;

#[async_trait::async_trait]
impl Deliveries for NobodyIsPutBack {
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()> {
        panic!("put back: {deliveries:?}")
    }
}

fn failed(ports: &Ports) -> Failed {
    let Ports { images, uploads, bus, history, connections, pusher, .. } = ports.clone();
    let undelivered = CloseSubscribers { images: images.clone(), history, connections, pusher };
    Failed { images, uploads, bus, undelivered: Arc::new(undelivered) }
}

fn verifier(machine: &TestMachine) -> Arc<Verifier> {
    let issuer = &machine.machine.issuer;
    Arc::new(Verifier::new(issuer.issuer(), issuer.audience(), Arc::new(issuer.jwks()), Arc::new(CurrentUntilExpiry)))
}

/// Begins an upload and puts its object there, as if a form had; answers its id.
async fn uploaded(machine: &TestMachine, bytes: Vec<u8>) -> UploadId {
    let response = reqwest::Client::new()
        .post(format!("http://{}/api/uploads", machine.address()))
        .bearer_auth(machine.token().await)
        .json(&json!({"name": "cat.jpg", "content_type": "image/jpeg", "size": bytes.len()}));
    let begun: Value = response.send().await.unwrap().json().await.unwrap();
    let id: UploadId = begun["upload_id"].as_str().unwrap().parse().unwrap();
    let key = ObjectKey::new_upload(&id);
    machine.machine.ports.objects.write(&key, "image/jpeg", Bytes::from(bytes)).await.unwrap();
    id
}

async fn state(machine: &TestMachine, id: &UploadId) -> UploadState {
    machine.machine.ports.uploads.get(id).await.unwrap().unwrap().state
}

/// Takes every object of an event, as `infra/aws` does.
async fn ingest_all(ports: &Ports, event: &Value) {
    for object in read_new_objects(event.clone()).unwrap() {
        ingest(ports).handle(object).await.unwrap();
    }
}

async fn report_all(failed: &Failed, exhausted: Vec<JobRequest>) -> PortResult<()> {
    for request in exhausted {
        failed.handle(request).await?;
    }
    Ok(())
}

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
            // A repeat may be told again, under the same id.
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
    let mut created = sample!("s3-post.json");
    created["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    ingest_all(&machine.machine.ports, &created).await;
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
        let mut event = sample!("bus.json");
        event["detail-type"] = json!(ours.detail_type());
        event["source"] = json!(BusEvent::SOURCE);
        event["detail"] = ours.detail();
        event
    };
    for (id, seq) in [("b", 1), ("a", 2), ("b", 1), ("a", 2), ("c", 3), ("a", 2)] {
        notify(&machine.machine.ports).handle(read_event(event(id)).unwrap()).await.unwrap();
        let frame = socket.frame().await;
        assert_eq!((&frame["id"], &frame["topics"][0]["seq"]), (&json!(id), &json!(seq)));
    }
}

/// An earlier run wrote the row and was cut off before it told anybody.
#[tokio::test]
async fn a_failed_upload_is_reported_again() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let uploads = machine.machine.ports.uploads.clone();
    let id = uploaded(&machine, picture::jpeg(1)).await;
    assert!(uploads.fail(&id, "the first reason").await.unwrap());
    let mut created = sample!("s3-post.json");
    created["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    let failed = failed(&machine.machine.ports);
    report_all(&failed, read_exhausted(json!({"requestPayload": created})).unwrap()).await.unwrap();
    let notified = socket.notification("upload.failed").await;
    assert_eq!(notified["data"]["reason"], "the first reason");
}

/// Beside one that is none, as a range of connections hears of it from a run of its own.
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

/// The others' uploaders are told all the same.
#[tokio::test]
async fn a_broken_record_of_a_failed_invocation_does_not_block_the_others() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    let mut created = sample!("s3-post.json");
    created["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    let mut batch = sample!("sqs-batch.json");
    let broken = batch["Records"][0]["messageId"].clone();
    batch["Records"][0]["body"] = json!("no record");
    batch["Records"][1]["body"] = json!(json!({"requestPayload": created}).to_string());
    let failed = failed(&machine.machine.ports);
    let each = async |exhausted, _| report_all(&failed, exhausted).await;
    let response = read_failures(batch).unwrap().handle_each("labelcast_exhausted_failures_total", each).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": broken}]}));
    assert_eq!(socket.notification("upload.failed").await["data"]["upload_id"], json!(id));
}

/// Whoever asked for it was cut off in between, or came first; the same event again changes nothing.
#[tokio::test]
async fn a_requested_removal_deletes_the_image_and_notifies_once() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["labels"]).await;
    let ports = &machine.machine.ports;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    let mut created = sample!("s3-post.json");
    created["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    ingest_all(ports, &created).await;
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
    let mut event = sample!("bus.json");
    event["detail-type"] = json!(removal_requested.detail_type());
    event["detail"] = removal_requested.detail();
    let mut ids = Vec::new();
    for _ in 0..2 {
        index(ports).handle(read_index_request(event.clone()).unwrap()).await.unwrap();
        ids.push(socket.notification("image.removed").await["id"].clone());
    }
    assert_eq!(ids[0], ids[1], "a repeat is told under the same id");
    assert_eq!(ports.images.get(&image_id).await.unwrap(), None);
    assert_eq!(ports.objects.head(&ObjectKey::original(&files)).await.unwrap(), None);
}

/// An image that was removed before its label event came is nothing to tell of.
#[tokio::test]
async fn an_event_about_a_deleted_image_shows_nothing() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["labels", "uploads"]).await;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    let mut created = sample!("s3-post.json");
    created["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    ingest_all(&machine.machine.ports, &created).await;
    let notified = socket.notification("image.labelled").await;
    let image = notified["data"]["image"]["image_id"].as_str().unwrap().parse().unwrap();
    let images = &machine.machine.ports.images;
    let stored = images.get(&image).await.unwrap().unwrap();
    images.remove(&stored.files(), stored.uploaded_at, None).await.unwrap();
    let upload = UploadRef { upload_id: id, user: "someone".parse().unwrap() };
    let late = BusEvent::ImageLabelled { image_id: image, upload, first: true };
    let mut event = sample!("bus.json");
    event["detail-type"] = json!(late.detail_type());
    event["detail"] = late.detail();
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
    // Its object lies there, and nobody ever told of it.
    assert_eq!(sweep.handle().await.unwrap().failed, 1);
    assert_eq!(state(&machine, &id).await, UploadState::Failed);
    assert_eq!(sweep.handle().await.unwrap().failed, 0, "once");
}

/// In the shape that API Gateway takes; a refusal is the one word that becomes a 401.
#[tokio::test]
async fn the_authorizer_returns_a_policy_for_the_requested_method() {
    let machine = TestMachine::start(Settings::default()).await;
    let authorize = Authorize { verifier: verifier(&machine), clock: machine.clock.clone() };
    let token = machine.token().await;
    for (name, value) in [
        ("Sec-WebSocket-Protocol", format!("labelcast.v1, bearer.{token}")),
        ("sec-websocket-protocol", format!("bearer.{token},labelcast.v1")),
        ("Authorization", format!("Bearer {token}")),
        ("authorization", token.clone()),
    ] {
        let mut event = sample!("authorizer.json");
        event["headers"][name] = json!(value);
        let response = serde_json::to_value(websocket::authorize(&authorize, read(&event)).await.unwrap()).unwrap();
        let allow = json!({"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"].as_str().unwrap()});
        assert_eq!(response["policyDocument"], json!({"Version": "2012-10-17", "Statement": [allow]}));
        assert!(response["principalId"].is_string());
        assert_eq!(response["context"]["username"], "ann");
        assert!(response["context"].as_object().unwrap().values().all(Value::is_string), "no lists, no objects");
    }
    let mut in_the_url = sample!("authorizer.json");
    in_the_url["queryStringParameters"] = json!({"token": token});
    for event in [sample!("authorizer.json"), in_the_url] {
        assert_eq!(websocket::authorize(&authorize, read(&event)).await.unwrap_err(), "Unauthorized");
    }
}

/// From `$connect` to `$disconnect`, with the three kinds of event.
#[tokio::test]
async fn a_connection_follows_the_events_of_api_gateway() {
    let machine = TestMachine::start(Settings::default()).await;
    let ports = machine.machine.ports.clone();
    let authorize = Authorize { verifier: verifier(&machine), clock: machine.clock.clone() };
    let mut request = sample!("authorizer.json");
    request["headers"]["Authorization"] = json!(machine.token().await);
    let context =
        serde_json::to_value(websocket::authorize(&authorize, read(&request)).await.unwrap().context).unwrap();
    let authorized = |mut event: Value, connected_at: i64| -> ApiGatewayWebsocketProxyRequest {
        event["requestContext"]["connectedAt"] = json!(connected_at);
        for (name, value) in context.as_object().unwrap() {
            event["requestContext"]["authorizer"][name] = value.clone();
        }
        read(&event)
    };
    let connected_at = machine.clock.now().timestamp_millis();
    let connect = Connect {
        connections: ports.connections.clone(),
        accounts: Arc::new(CurrentUntilExpiry),
        settings: settings(),
    };
    let response =
        websocket::connect(&connect, authorized(sample!("websocket-connect.json"), connected_at)).await.unwrap();
    assert_eq!(
        (response.status_code, &response.headers["sec-websocket-protocol"]),
        (200, &"labelcast.v1".parse().unwrap())
    );
    // What the authorizer did not let through is let through by nobody.
    let stranger = read(&sample!("websocket-connect.json"));
    assert_eq!(websocket::connect(&connect, stranger).await.unwrap().status_code, 403);

    let id: ConnectionId = "EzhJ9dpbjoECI5w=".parse().unwrap();
    assert!(ports.connections.get(&id).await.unwrap().is_some());
    let route = Route::new(
        ports.clock.clone(),
        ports.connections.clone(),
        ports.pusher.clone(),
        ports.history.clone(),
        ports.images.clone(),
        ports.objects.clone(),
        verifier(&machine),
        settings(),
        ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64))),
    );
    for (body, kind) in [
        (r#"{"action":"ping","ref":"5"}"#, "pong"),
        ("no json", "error"),
        (r#"{"action":"dance"}"#, "error"),
        (r#"{"action":"unsubscribe","topics":["labels"],"ref":"2"}"#, "unsubscribed"),
        (r#"{"action":"subscribe","topics":["moderation"],"ref":"3"}"#, "error"),
    ] {
        let mut event = sample!("websocket-message.json");
        event["body"] = json!(body);
        let response = websocket::message(&route, authorized(event, connected_at)).await;
        let text = response.body.map(|body| String::from_utf8(body.to_vec()).unwrap()).unwrap_or_default();
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((response.status_code, &frame["type"]), (200, &json!(kind)), "{body}");
    }

    let disconnect = Disconnect { connections: ports.connections.clone() };
    // One that comes late, of a session before.
    websocket::disconnect(&disconnect, authorized(sample!("websocket-disconnect.json"), connected_at - 1))
        .await
        .unwrap();
    assert!(ports.connections.get(&id).await.unwrap().is_some());
    websocket::disconnect(&disconnect, authorized(sample!("websocket-disconnect.json"), connected_at)).await.unwrap();
    assert_eq!(ports.connections.get(&id).await.unwrap(), None);
}
