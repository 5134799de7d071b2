//! What an operator may do and users may not: look into the tables, put things there, call a function by hand.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_aws::dynamodb::{DynamoConnections, DynamoHistory, DynamoImages, DynamoUploads, Shards, Table};
use labelcast_aws::pusher::GatewayPusher;
use labelcast_functions::model::{ConnectionId, ImageFiles, ImageId, ImageType, Upload, UploadId, UploadState};
use labelcast_functions::ports::{Clock, Created, Images, NewImage, ObjectKey, Quota, Uploads};
use labelcast_functions::system::SystemRandom;
use labelcast_tests::aws::{ACCESS_KEY, client_config};
use reqwest::Response;
use serde_json::Value;

use crate::stack::Stack;

/// As `infra/config.yml` has it.
pub const RANGES: u32 = 4;

/// A clock that stands.
pub struct At(pub DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// With all rights, past the functions.
pub struct Operator<'a> {
    pub stack: &'a Stack,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub s3: aws_sdk_s3::Client,
    pusher: Arc<GatewayPusher>,
}

impl<'a> Operator<'a> {
    pub async fn of(stack: &'a Stack) -> Self {
        let config = client_config(stack.output("Endpoint")).await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            stack,
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            pusher: Arc::new(GatewayPusher::new(&config, stack.output("LiveUrl").replacen("ws", "http", 1))),
        }
    }

    fn table(&self, output: &str) -> Table {
        Table::new(self.dynamodb.clone(), self.stack.output(output), "a table of the stack")
    }

    pub fn uploads(&self) -> DynamoUploads {
        DynamoUploads::new(self.table("ImagesTableName"))
    }

    pub fn images(&self) -> DynamoImages {
        DynamoImages::new(self.table("ImagesTableName"))
    }

    pub fn connections(&self, at: DateTime<Utc>) -> DynamoConnections {
        let shards = Shards::new(RANGES).expect("a power of two");
        DynamoConnections::new(self.table("LiveTableName"), self.pusher.clone(), Arc::new(At(at)), shards)
    }

    pub fn history(&self, at: DateTime<Utc>) -> DynamoHistory {
        DynamoHistory::new(self.table("HistoryTableName"), Arc::new(At(at)), Arc::new(SystemRandom))
    }

    /// Begins an upload as if it had been begun at that time.
    pub async fn begin(&self, user: &str, at: DateTime<Utc>) -> UploadId {
        let id: UploadId = format!("{:032x}", rand::random::<u128>()).parse().unwrap();
        let upload = Upload {
            id: id.clone(),
            user: user.parse().unwrap(),
            name: "picture".to_owned(),
            state: UploadState::Pending,
            image_id: None,
            reason: None,
            created_at: at,
            detached: false,
        };
        let quota = Quota { per_hour: 10_000, since: at - TimeDelta::hours(1) };
        assert_eq!(self.uploads().create(&upload, quota).await.unwrap(), Created::Stored);
        id
    }

    /// Begins an upload and attaches an image, as `ingest` does with an object.
    pub async fn bring(&self, user: &str, image: ImageId, content_type: ImageType, at: DateTime<Utc>) -> UploadId {
        let upload = self.begin(user, at).await;
        let new = NewImage { id: image, content_type, size: 1_000, width: 160, height: 120, uploaded_at: at };
        self.images().attach(&new, &upload).await.unwrap().expect("a pending upload is attached");
        upload
    }

    /// Puts the three files of an image, as `ingest` does before it makes the row.
    pub async fn write_files(&self, files: &ImageFiles, bytes: &[u8]) {
        for key in ObjectKey::all_of(files) {
            let put = self.s3.put_object().bucket(self.stack.output("BucketName")).key(key.as_str());
            put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
        }
    }

    /// A row as it is.
    pub async fn row(&self, table: &str, pk: &str, sk: &str) -> Option<Row> {
        let call = self.dynamodb.get_item().table_name(self.stack.output(table)).consistent_read(true);
        call.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap().item
    }

    /// Rows of a partition.
    pub async fn rows(&self, table: &str, pk: &str) -> Vec<Row> {
        let call = self.dynamodb.query().table_name(self.stack.output(table)).consistent_read(true);
        let call = call.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(pk));
        call.send().await.unwrap().items.unwrap_or_default()
    }

    /// Puts many rows.
    pub async fn put(&self, table: &str, rows: Vec<Row>) {
        for some in rows.chunks(25) {
            let puts = some.iter().map(|row| {
                let put = aws_sdk_dynamodb::types::PutRequest::builder().set_item(Some(row.clone())).build().unwrap();
                aws_sdk_dynamodb::types::WriteRequest::builder().put_request(put).build()
            });
            let call = self.dynamodb.batch_write_item().request_items(self.stack.output(table), puts.collect());
            let left = call.send().await.unwrap().unprocessed_items.unwrap_or_default();
            assert!(left.is_empty(), "the emulator throttles nobody");
        }
    }

    pub async fn delete(&self, table: &str, pk: &str, sk: &str) {
        let call = self.dynamodb.delete_item().table_name(self.stack.output(table));
        call.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
    }

    pub async fn send(&self, queue: &str, body: &str) {
        self.sqs.send_message().queue_url(self.stack.output(queue)).message_body(body).send().await.unwrap();
    }

    /// Makes the replay of a subscription one that should have ended long ago.
    pub async fn let_lease_end(&self, connection: &ConnectionId, topic: &str) {
        let own = (format!("connection#{connection}"), format!("subscription#{topic}"));
        let row = self.row("LiveTableName", &own.0, &own.1).await.expect("it is subscribed");
        let partition = row["partition"].as_s().unwrap().clone();
        for (pk, sk) in [own, (partition, format!("*#{connection}"))] {
            let call = self.dynamodb.update_item().table_name(self.stack.output("LiveTableName"));
            let call = call.key("pk", text(&pk)).key("sk", text(&sk)).condition_expression("attribute_exists(pk)");
            let call = call.update_expression("SET lease_until = :then REMOVE live_from");
            call.expression_attribute_values(":then", AttributeValue::N("0".to_owned())).send().await.unwrap();
        }
    }

    /// Calls a function with an event, as the service does that it is from; returns what it answers.
    pub async fn call(&self, function: &str, event: &Value) -> Value {
        self.invoke(function, event, "RequestResponse").await.json().await.unwrap()
    }

    /// Gives an event to a function that nobody waits for.
    pub async fn give(&self, function: &str, event: &Value) {
        self.invoke(function, event, "Event").await;
    }

    async fn invoke(&self, function: &str, event: &Value, kind: &str) -> Response {
        let url =
            format!("{}/2015-03-31/functions/labelcast-emulator-{function}/invocations", self.stack.output("Endpoint"));
        // The emulator takes every signature of this key.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = self.stack.http.post(url).header("authorization", signed).header("x-amz-invocation-type", kind);
        let response = request.json(event).send().await.unwrap();
        assert!(response.status().is_success(), "{function}: {}", response.status());
        assert!(!response.headers().contains_key("x-amz-function-error"), "{function}: {:?}", response.text().await);
        response
    }
}

/// As DynamoDB has it.
pub type Row = std::collections::HashMap<String, AttributeValue>;

pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// An event of the documentation.
macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!("../../../infra/events/tests/samples/", $name)))
            .unwrap()
    };
}
pub(crate) use sample;
