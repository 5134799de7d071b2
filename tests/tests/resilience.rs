//! What happens when parts fail, time passes, or a client does not read.

use std::time::Duration as Real;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::Duration;
use labelcast::database::Database;
use labelcast::jobs::JobTable;
use labelcast::users::Operator;
use labelcast_functions::model::{BusEvent, JobRequest, NewObject, Upload, UploadRef, UploadState};
use labelcast_functions::ports::{ApiKey, Clock, NewImage, ObjectKey, Quota};
use labelcast_functions::settings::Settings;
use labelcast_tests::machine::Health;
use labelcast_tests::uploads::{self, HTTP};
use labelcast_tests::{TestMachine, picture};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// Begins an upload; nothing works on it yet.
async fn begun(test: &TestMachine, id: &str) -> Upload {
    let user = json!(test.machine.users.list().await.unwrap()[0].sub);
    let upload = Upload {
        id: id.parse().unwrap(),
        user: serde_json::from_value(user).unwrap(),
        name: "picture".to_owned(),
        state: UploadState::Pending,
        image_id: None,
        reason: None,
        created_at: test.clock.now(),
        detached: false,
    };
    let quota = Quota { per_hour: 1_000, since: test.clock.now() - Duration::hours(1) };
    test.machine.ports.uploads.create(&upload, quota).await.unwrap();
    upload
}

/// Puts a picture where a form would have put it, and gives `ingest` its job.
async fn upload(test: &TestMachine, number: u32) -> Upload {
    let upload = begun(test, &format!("upload-{number}")).await;
    let key = ObjectKey::new_upload(&upload.id);
    test.machine.ports.objects.write(&key, "image/jpeg", picture::jpeg(number).into()).await.unwrap();
    let object = NewObject { upload_id: upload.id.clone(), created_at: test.clock.now() };
    test.machine.dispatcher.accept(vec![JobRequest::Ingest(object).into()]).await.unwrap();
    upload
}

#[tokio::test]
async fn a_failing_detector_is_retried_then_the_uploader_is_notified_and_the_job_can_be_redriven() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["uploads"]).await;
    test.detector.be(Health::Failing);
    let upload = upload(&test, 1).await;
    let database = Database::open(test.directory()).unwrap();
    let table = JobTable::new(&database);
    let now = |test: &TestMachine| test.clock.now().timestamp_millis();
    let waiting = "SELECT count(*) FROM work WHERE target = 'analyze' AND visible_at > ? AND dead_at IS NULL";
    let (failed, ()) = tokio::join!(socket.notification("upload.failed"), async {
        while table.dead().await.unwrap().is_empty() {
            // Time passes only while the job waits for its next attempt.
            let now = now(&test);
            if database.read(move |rows| rows.query_row(waiting, [now], |row| row.get::<_, u32>(0))).await.unwrap() > 0
            {
                test.clock.advance(Duration::seconds(20));
                test.poll().await;
            }
        }
    });
    assert_eq!(failed["data"]["upload_id"], json!(upload.id));
    let dead = table.dead().await.unwrap();
    assert_eq!((dead.len(), dead[0].target.as_str(), dead[0].attempts), (1, "analyze", 3));
    test.detector.be(Health::Well);
    assert_eq!(table.redrive(Vec::new(), test.clock.now()).await.unwrap().count, 1);
    test.poll().await;
    let labelled = socket.notification("image.labelled").await;
    assert_eq!(labelled["data"]["upload_id"], json!(upload.id), "a later success replaces the failure");
}

#[tokio::test]
async fn a_hanging_detector_is_cut_off_and_the_uploader_notified() {
    let settings = Settings { detector_timeout: Real::from_millis(20), max_attempts: 1, ..Settings::default() };
    let test = TestMachine::start(settings).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["uploads"]).await;
    test.detector.be(Health::Hanging);
    let upload = upload(&test, 2).await;
    assert_eq!(socket.notification("upload.failed").await["data"]["upload_id"], json!(upload.id));
}

#[tokio::test]
async fn a_stalled_upload_is_reported_as_failed() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["uploads"]).await;
    // Its row says `received`, and nothing works on it.
    let hanging = begun(&test, "hanging").await;
    let image = NewImage {
        id: "ab".repeat(32).parse().unwrap(),
        content_type: labelcast_functions::model::ImageType::Png,
        size: 1,
        width: 100,
        height: 100,
        uploaded_at: test.clock.now(),
    };
    test.machine.ports.images.attach(&image, &hanging.id).await.unwrap();
    assert_eq!(test.machine.sweep().await.unwrap().failed, 0, "not yet");
    test.clock.advance(Duration::minutes(20));
    assert_eq!(test.machine.sweep().await.unwrap().failed, 1);
    assert_eq!(socket.notification("upload.failed").await["data"]["upload_id"], "hanging");
}

/// Lets time pass in steps shorter than the idle time, with a sign of life in each.
async fn pass(test: &TestMachine, socket: &mut labelcast_tests::Socket, minutes: i64) {
    for _ in 0..minutes / 5 {
        test.clock.advance(Duration::minutes(5));
        test.machine.gateway.reap();
        let (_, pong) = socket.ask(json!({"action": "ping"})).await;
        assert_eq!(pong["type"], "pong");
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token_after_the_grace() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["labels"]).await;
    pass(&test, &mut socket, 60).await;
    test.clock.advance(Duration::seconds(20));
    test.machine.gateway.reap();
    let (_, pong) = socket.ask(json!({"action": "ping"})).await;
    assert_eq!(pong["type"], "pong", "within the grace");
    test.clock.advance(Duration::seconds(4));
    test.machine.gateway.reap();
    let closing = socket.frame().await;
    assert_eq!((&closing["code"], &closing["retry"]), (&json!("token_expired"), &json!(true)));
}

#[tokio::test]
async fn a_new_token_of_the_same_user_extends_a_connection() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["labels"]).await;
    pass(&test, &mut socket, 55).await;
    let (_, refreshed) = socket.ask(json!({"action": "refresh", "token": test.token().await})).await;
    assert_eq!(refreshed["type"], "refreshed", "{refreshed}");
    pass(&test, &mut socket, 50).await;
}

#[tokio::test]
async fn idle_and_old_connections_are_notified_and_closed_with_1001() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["labels"]).await;
    test.clock.advance(Duration::minutes(9));
    test.machine.gateway.reap();
    let (_, pong) = socket.ask(json!({"action": "ping"})).await;
    assert_eq!(pong["type"], "pong");
    test.clock.advance(Duration::minutes(11));
    test.machine.gateway.reap();
    assert_eq!(socket.frame().await["code"], "limit");
    match socket.next().await {
        Some(Message::Close(Some(close))) => assert_eq!(u16::from(close.code), 1001),
        other => panic!("a close should have come, not {other:?}"),
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_without_delaying_others() {
    let test = TestMachine::start(Settings::default()).await;
    let (mut reader, mut idler) = (test.connect().await, test.connect().await);
    reader.subscribe(&["app:news"]).await;
    idler.subscribe(&["app:news"]).await;
    let mut published = 0;
    let publish = async |number: u32| {
        let event = BusEvent::TopicPublished {
            id: format!("news-{number}"),
            topic: "app:news".parse().unwrap(),
            event: "news".to_owned(),
            data: json!({"number": number, "text": "x".repeat(24_000)}),
        };
        test.machine.ports.bus.publish_all(&[event]).await.unwrap();
    };
    // Until more waits for the idler than its queue and the system's buffers hold.
    while published < 800 {
        publish(published).await;
        assert_eq!(reader.notification("news").await["data"]["number"], published);
        published += 1;
    }
    let mut heard = 0;
    loop {
        let frame = idler.frame().await;
        match frame["type"].as_str() {
            Some("notification") => heard += 1,
            Some("closing") => {
                break assert_eq!((&frame["code"], &frame["retry"]), (&json!("slow_consumer"), &json!(true)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(heard < published, "it was cut off");
}

#[tokio::test]
async fn a_notification_that_cannot_be_pushed_closes_its_receivers_and_they_resume_without_loss() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["uploads"]).await;
    let first = upload(&test, 1).await;
    let labelled = socket.notification("image.labelled").await;
    assert_eq!(labelled["data"]["upload_id"], json!(first.id));
    let cursor = labelled["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == "uploads").unwrap();
    let cursor = cursor["cursor"].clone();
    let database = Database::open(test.directory()).unwrap();
    let analysis = async |change: &'static str| database.write(|rows| rows.execute(change, [])).await.unwrap();
    // What it is about cannot be read any more. What comes after it could be pushed.
    analysis("UPDATE results SET analysis = 'x' || analysis").await;
    let image_id = serde_json::from_value(labelled["data"]["image"]["image_id"].clone()).unwrap();
    let affected = UploadRef { upload_id: "upload-2".parse().unwrap(), user: first.user.clone() };
    let cannot_be_pushed = BusEvent::ImageLabelled { image_id, upload: affected.clone(), first: false };
    let after_it = BusEvent::UploadFailed { upload: affected, reason: "after it".to_owned() };
    test.machine.ports.bus.publish_all(&[cannot_be_pushed, after_it]).await.unwrap();
    // Closed before any later notification, whose cursor would pass it.
    loop {
        match socket.next().await {
            None | Some(Message::Close(_)) => break,
            Some(Message::Text(text)) => assert!(!text.contains("notification"), "{text}"),
            Some(_) => {}
        }
    }
    analysis("UPDATE results SET analysis = substr(analysis, 2)").await;
    let mut again = test.connect().await;
    let resume = json!({"action": "subscribe", "topics": ["uploads"], "since": {"uploads": cursor}});
    again.send(resume.to_string()).await;
    assert_eq!(again.notification("image.labelled").await["data"]["upload_id"], "upload-2");
    assert_eq!(again.notification("upload.failed").await["data"]["upload_id"], "upload-2");
    let table = JobTable::new(&database);
    assert_eq!(table.dead().await.unwrap().len(), 1, "somebody can look at what it was");
}

#[tokio::test]
async fn beyond_the_backlog_publishes_and_uploads_are_refused_with_retry_after() {
    let test = TestMachine::start(Settings { max_backlog: 0, ..Settings::default() }).await;
    let key = ApiKey { name: "builds".parse().unwrap(), scopes: vec!["publish:app:*".parse().unwrap()] };
    let database = Database::open(test.directory()).unwrap();
    let sha256 = digest(&SHA256, b"a key").as_ref().try_into().unwrap();
    assert!(
        labelcast::store::api_keys::add(&database, &key, sha256, test.clock.now(), &Operator::Server).await.unwrap()
    );
    let request = HTTP.post(format!("http://{}/api/topics/app:builds", test.address())).header("x-api-key", "a key");
    let refused = request.json(&json!({"event": "build.done", "data": {}})).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let refused: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["code"], "overloaded", "{refused}");
    let bytes = picture::jpeg(1);
    let begun = uploads::begin(&test.address(), &test.token().await, "image/jpeg", bytes.len()).await;
    let refused = uploads::post(&test.address(), &begun, bytes).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert!(refused.text().await.unwrap().contains("<Code>SlowDown</Code>"));
    let health = HTTP.get(format!("http://{}/healthz", test.address())).send().await.unwrap();
    assert_eq!(health.status().as_u16(), 503);
    let health: serde_json::Value = health.json().await.unwrap();
    assert_eq!(health["status"], "degraded");
    assert!(health["reason"].as_str().unwrap().contains("uploads and publishes"), "{health}");
}

/// What others put onto the bus may be larger than a frame. Nobody's cursor passes it as if nothing had been.
#[tokio::test]
async fn a_notification_too_large_for_a_frame_leaves_no_silent_gap() {
    let test = TestMachine::start(Settings::default()).await;
    let ports = &test.machine.ports;
    let publish = async |id: &str, size: usize| {
        let (topic, event) = ("app:large".parse().unwrap(), "e".to_owned());
        let event = BusEvent::TopicPublished { id: id.to_owned(), topic, event, data: json!("x".repeat(size)) };
        ports.bus.publish_all(&[event]).await.unwrap();
    };
    let mut socket = test.connect().await;
    let since = socket.subscribe(&["app:large"]).await["topics"][0]["cursor"].clone();
    publish("too-large", 40_000).await;
    assert!(socket.ends().await, "whoever would have received it is closed");

    publish("after", 10).await;
    let mut socket = test.connect().await;
    let subscribe = json!({"action": "subscribe", "topics": ["app:large"], "since": {"app:large": since}});
    let (mut replayed, response) = socket.ask(subscribe).await;
    assert_eq!(response["topics"][0]["recovered"], false, "{response}");
    if replayed.is_empty() {
        // It was not notified yet when the replay began.
        replayed.push(socket.notification("e").await);
    }
    assert_eq!(replayed[0]["id"], "after");
    let (_, again) = socket
        .ask(json!({"action": "subscribe", "topics": ["app:large"], "since": {"app:large": replayed[0]["topics"][0]["cursor"]}}))
        .await;
    assert_eq!(again["topics"][0]["recovered"], true, "it goes on from there: {again}");
}
