//! The contract of the ports, on the AWS backend with an emulator.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use labelcast_aws::bus::EventBus;
use labelcast_aws::dynamodb::{
    DynamoConnections, DynamoHistory, DynamoIdempotency, DynamoImages, DynamoKeys, DynamoUploads, Shards, Table,
};
use labelcast_aws::objects::{BucketPlace, S3Objects};
use labelcast_aws::queue::SqsQueue;
use labelcast_aws::queued_uploads::QueuedUploads;
use labelcast_functions::model::{BusEvent, ConnectionId};
use labelcast_functions::ports::{AnalysisJob, ApiKey, Ports};
use labelcast_functions::settings::Settings;
use labelcast_functions::signing::Credentials;
use labelcast_tests::aws::{ACCESS_KEY, REGION, SECRET_KEY, config, table};
use labelcast_tests::contract::Backend;
use labelcast_tests::emulator::Emulator;
use labelcast_tests::machine::SetClock;
use labelcast_tests::{Socket, TestMachine};
use serde_json::{Value, json};
use tokio::sync::Mutex;

labelcast_tests::contract!(Aws);

struct Aws {
    ports: Ports,
    clock: Arc<SetClock>,
    keys: DynamoKeys,
    sqs: aws_sdk_sqs::Client,
    arrivals: Arrivals,
    secrets: Mutex<Vec<(ApiKey, [u8; 32])>>,
    machine: TestMachine,
    _emulator: Emulator,
}

/// Queues where the functions would be.
struct Arrivals {
    jobs: String,
    events: String,
    created: String,
}

impl Aws {
    async fn message(&self, queue: &str) -> String {
        loop {
            let call = self.sqs.receive_message().queue_url(queue).wait_time_seconds(5).max_number_of_messages(1);
            let response = call.send().await.expect("the queue answers");
            if let Some(message) = response.messages().first() {
                let receipt = message.receipt_handle().expect("a message that was received has a receipt");
                self.sqs.delete_message().queue_url(queue).receipt_handle(receipt).send().await.expect("it is deleted");
                return message.body().expect("messages have bodies").to_owned();
            }
        }
    }
}

async fn queue(client: &aws_sdk_sqs::Client, name: &str) -> (String, String) {
    let url = client.create_queue().queue_name(name).send().await.expect("a queue").queue_url.expect("its URL");
    let attributes = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn)
        .send()
        .await
        .expect("its attributes");
    let arn = attributes.attributes().and_then(|all| all.values().next().cloned()).expect("its ARN");
    // As in a stack: the bucket and the bus may send to it.
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": ["s3.amazonaws.com", "events.amazonaws.com"]},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }]});
    client
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, policy.to_string())
        .send()
        .await
        .expect("it is set");
    (url, arn)
}

#[async_trait]
impl Backend for Aws {
    const ROUNDS: u64 = 6;

    async fn fresh() -> Self {
        let emulator = Emulator::start().await;
        let machine = TestMachine::start(Settings::default()).await;
        let clock = Arc::new(SetClock::at(Utc::now()));
        let config = config(&emulator).await;
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let events = aws_sdk_eventbridge::Client::new(&config);
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        // Tests may share an emulator.
        let name = format!("test-{:032x}", rand::random::<u128>());
        let named = |what: &str| format!("{name}-{what}");
        for what in ["live", "images", "history", "programs"] {
            table(&dynamodb, &named(what)).await;
        }
        let (jobs, _) = queue(&sqs, &named("jobs")).await;
        let (reported, reported_arn) = queue(&sqs, &named("events")).await;
        let (created, created_arn) = queue(&sqs, &named("created")).await;
        events.create_event_bus().name(named("bus")).send().await.expect("a bus");
        let pattern = format!("{{\"source\":[\"{}\"]}}", BusEvent::SOURCE);
        events
            .put_rule()
            .name(named("rule"))
            .event_bus_name(named("bus"))
            .event_pattern(pattern)
            .send()
            .await
            .expect("a rule");
        let target =
            aws_sdk_eventbridge::types::Target::builder().id("queue").arn(reported_arn).build().expect("a target");
        events
            .put_targets()
            .rule(named("rule"))
            .event_bus_name(named("bus"))
            .targets(target)
            .send()
            .await
            .expect("it is set");
        s3.create_bucket().bucket(named("bucket")).send().await.expect("a bucket");
        let to_queue = aws_sdk_s3::types::QueueConfiguration::builder()
            .queue_arn(created_arn)
            .events(aws_sdk_s3::types::Event::S3ObjectCreated)
            .build()
            .expect("all of it is set");
        let notification =
            aws_sdk_s3::types::NotificationConfiguration::builder().queue_configurations(to_queue).build();
        s3.put_bucket_notification_configuration()
            .bucket(named("bucket"))
            .notification_configuration(notification)
            .send()
            .await
            .expect("it is set");

        let programs = Table::new(dynamodb.clone(), named("programs"), "the table of programs");
        let images = Table::new(dynamodb.clone(), named("images"), "the table of images");
        let keys = DynamoKeys::new(programs.clone());
        let history = Table::new(dynamodb.clone(), named("history"), "the table of history");
        let history = DynamoHistory::new(history, clock.clone(), machine.machine.ports.random.clone());
        let live = Table::new(dynamodb.clone(), named("live"), "the table of connections");
        let shards = Shards::new(1).and_then(|one| one.grown_to(4)).expect("powers of two");
        let connections = DynamoConnections::new(live, machine.machine.ports.pusher.clone(), clock.clone(), shards);
        let place = BucketPlace {
            bucket: named("bucket"),
            origin: emulator.endpoint().to_owned(),
            path: format!("/{}", named("bucket")),
            region: REGION.to_owned(),
            credentials: Credentials {
                access_key_id: ACCESS_KEY.to_owned(),
                secret_access_key: SECRET_KEY.to_owned(),
                session_token: None,
            },
        };
        let ports = Ports {
            clock: clock.clone(),
            keys: Arc::new(keys.clone()),
            history: Arc::new(history),
            connections: Arc::new(connections),
            images: Arc::new(DynamoImages::new(images.clone())),
            uploads: Arc::new(DynamoUploads::new(images)),
            idempotency: Arc::new(DynamoIdempotency::new(programs)),
            queue: Arc::new(SqsQueue::new(sqs.clone(), &jobs)),
            upload_jobs: Arc::new(QueuedUploads::new(sqs.clone(), &jobs, clock.clone(), TimeDelta::days(4))),
            bus: Arc::new(EventBus::new(events, named("bus"))),
            objects: Arc::new(S3Objects::new(s3, place, clock.clone())),
            ..machine.machine.ports.clone()
        };
        let arrivals = Arrivals { jobs, events: reported, created };
        Self { ports, clock, keys, sqs, arrivals, secrets: Mutex::default(), machine, _emulator: emulator }
    }

    /// There is nothing to end: what it keeps is kept elsewhere.
    async fn reopened(self) -> Self {
        self
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }

    fn ports(&self) -> &Ports {
        &self.ports
    }

    async fn open(&self) -> (ConnectionId, Socket) {
        let mut socket = self.machine.connect().await;
        let (_, pong) = socket.ask(json!({"action": "ping"})).await;
        let id: ConnectionId = pong["connection_id"].as_str().expect("pongs name it").parse().expect("an id");
        // The socket is one machine's, its row is ours.
        let row = self.machine.machine.ports.connections.get(&id).await.expect("rows can be read").expect("it is open");
        self.ports.connections.add(&row, usize::MAX).await.expect("rows can be stored");
        (id, socket)
    }

    /// What is in the queue stays there until it is received.
    fn hold_jobs(&self) {}

    async fn next_job(&self) -> AnalysisJob {
        serde_json::from_str(&self.message(&self.arrivals.jobs).await).expect("a job")
    }

    async fn next_event(&self) -> BusEvent {
        let event: Value = serde_json::from_str(&self.message(&self.arrivals.events).await).expect("an event");
        let kind = event["detail-type"].as_str().expect("events have a type");
        BusEvent::from_parts(kind, &event["detail"]).expect("an event of ours")
    }

    async fn next_created(&self) -> String {
        loop {
            let event: Value = serde_json::from_str(&self.message(&self.arrivals.created).await).expect("an event");
            // The first message of a new notification is a test event, without records.
            if let Some(key) = event["Records"][0]["s3"]["object"]["key"].as_str() {
                return key.to_owned();
            }
        }
    }

    async fn add_key(&self, key: &ApiKey, sha256: [u8; 32]) {
        self.keys.add(key, &sha256).await.expect("keys can be stored");
        self.secrets.lock().await.push((key.clone(), sha256));
    }

    async fn remove_key(&self, key: &ApiKey) {
        for (known, sha256) in self.secrets.lock().await.iter() {
            if known == key {
                self.keys.remove(sha256).await.expect("keys can be removed");
            }
        }
    }
}
