//! Events that are exhausted.

use labelcast_events::{read_exhausted, read_failures};
use labelcast_functions::settings::Settings;
use labelcast_tests::{TestMachine, picture};
use serde_json::json;

use crate::{created, failed, report_all, sample, uploaded};

/// An earlier run wrote the row and was interrupted before it notified anybody.
#[tokio::test]
async fn a_failed_upload_is_reported_again() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let uploads = machine.machine.ports.uploads.clone();
    let id = uploaded(&machine, picture::jpeg(1)).await;
    assert!(uploads.fail(&id, "the first reason").await.unwrap());
    let failed = failed(&machine.machine.ports);
    report_all(&failed, read_exhausted(json!({"requestPayload": created(&id)})).unwrap()).await.unwrap();
    let notified = socket.notification("upload.failed").await;
    assert_eq!(notified["data"]["reason"], "the first reason");
}

/// The others' uploaders are notified all the same.
#[tokio::test]
async fn a_broken_record_of_a_failed_invocation_does_not_block_the_others() {
    let machine = TestMachine::start(Settings::default()).await;
    let mut socket = machine.connect().await;
    socket.subscribe(&["uploads"]).await;
    let id = uploaded(&machine, picture::jpeg(1)).await;
    let mut batch = sample!("sqs-batch.json");
    let broken = batch["Records"][0]["messageId"].clone();
    batch["Records"][0]["body"] = json!("no record");
    batch["Records"][1]["body"] = json!(json!({"requestPayload": created(&id)}).to_string());
    let failed = failed(&machine.machine.ports);
    let each = async |exhausted, _| report_all(&failed, exhausted).await;
    let response = read_failures(batch).unwrap().handle_each("labelcast_exhausted_failures_total", each).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": broken}]}));
    assert_eq!(socket.notification("upload.failed").await["data"]["upload_id"], json!(id));
}
