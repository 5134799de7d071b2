//! Every handler accepts the events that AWS sends, as recorded from its documentation (`infra/events/tests/samples`).

mod failures;
mod images;
mod notifications;
mod sockets;

use std::sync::Arc;

use bytes::Bytes;
use labelcast_events::read_new_objects;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::images::{Analyze, Decoding, Failed, Index, Ingest};
use labelcast_functions::live::{CloseSubscribers, Notify};
use labelcast_functions::model::{BusEvent, JobRequest, UploadId, UploadState};
use labelcast_functions::ports::{CurrentUntilExpiry, Deliveries, Delivery, ObjectKey, PortResult, Ports};
use labelcast_functions::settings::Settings;
use labelcast_functions::token::Verifier;
use labelcast_tests::TestMachine;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!("../../../infra/events/tests/samples/", $name)))
            .unwrap()
    };
}
pub(crate) use sample;

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

/// Begins an upload and puts its object there, as if a form had; returns its id.
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

/// S3's event about the object of an upload.
fn created(id: &UploadId) -> Value {
    let mut event = sample!("s3-post.json");
    event["Records"][0]["s3"]["object"]["key"] = json!(format!("new/{id}"));
    event
}

/// An event of ours, as the bus delivers it.
fn on_the_bus(ours: &BusEvent) -> Value {
    let mut event = sample!("bus.json");
    event["detail-type"] = json!(ours.detail_type());
    event["source"] = json!(BusEvent::SOURCE);
    event["detail"] = ours.detail();
    event
}
