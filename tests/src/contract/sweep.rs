//! The sweep, with some of its parts failing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use labelcast_functions::live::Sweep;
use labelcast_functions::model::{AnalysisJob, ConnectionId, ImageType, UploadState};
use labelcast_functions::ports::{Frame, ObjectKey, PortError, PortResult, Pushed, Pusher, Unreached};
use labelcast_functions::settings::Settings;

use super::Backend;
use super::samples::{begin, bring, connect, connection_id, image_id, state_of, upload_id};

/// A pusher that cannot close one connection.
struct Stubborn(ConnectionId);

#[async_trait]
impl Pusher for Stubborn {
    async fn push(&self, _: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        Vec::new()
    }

    async fn post(&self, _: &ConnectionId, _: Frame) -> Result<(), Unreached> {
        Ok(())
    }

    async fn close(&self, connection: &ConnectionId) -> PortResult<()> {
        match *connection == self.0 {
            true => Err(PortError::Unavailable { what: "a connection", why: "it stays".to_owned() }),
            false => Ok(()),
        }
    }
}

fn sweep(backend: &impl Backend, pusher: Arc<dyn Pusher>) -> Sweep {
    let ports = backend.ports().clone();
    Sweep {
        clock: ports.clock,
        connections: ports.connections,
        pusher,
        uploads: ports.uploads,
        upload_jobs: ports.upload_jobs,
        objects: ports.objects,
        bus: ports.bus,
        history: ports.history,
        idempotency: ports.idempotency,
        expiry: None,
        settings: Arc::new(Settings::default()),
    }
}

/// It is tried again with the next sweep; the others are closed, and the other tasks done.
pub async fn a_connection_that_cannot_be_closed_does_not_block_the_sweep(backend: impl Backend) {
    let stubborn = connect(&backend, "a-stays", "anna").await;
    for number in 0..5 {
        connect(&backend, &format!("b{number}"), "bert").await;
    }
    begin(&backend, "waits", "anna").await;
    let key = ObjectKey::new_upload(&upload_id("waits"));
    backend.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    backend.clock().advance(TimeDelta::minutes(61));

    let sweep_once = async || sweep(&backend, Arc::new(Stubborn(stubborn.id.clone()))).handle().await;
    let failure = sweep_once().await.unwrap_err();
    assert!(failure.to_string().contains("it stays"), "{failure}");
    let connections = &backend.ports().connections;
    for number in 0..5 {
        assert_eq!(connections.get(&connection_id(&format!("b{number}"))).await.unwrap(), None);
    }
    assert_eq!(connections.get(&stubborn.id).await.unwrap(), Some(stubborn.clone()), "the next sweep tries again");
    assert_eq!(state_of(&backend, "waits").await, UploadState::Failed);
    let willing = Arc::new(Stubborn(connection_id("nobody")));
    let swept = sweep(&backend, willing).handle().await.unwrap();
    assert_eq!((swept.connections, swept.failed), (1, 0));
}

/// However many there are: what hangs is found by its object.
pub async fn unused_forms_do_not_hide_a_stalled_upload(backend: impl Backend) {
    for number in 0..520 {
        begin(&backend, &format!("unused-{number:03}"), "anna").await;
    }
    begin(&backend, "waits", "anna").await;
    let key = ObjectKey::new_upload(&upload_id("waits"));
    backend.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    let nobody = Arc::new(Stubborn(connection_id("nobody")));
    assert_eq!(sweep(&backend, nobody.clone()).handle().await.unwrap().failed, 0, "not yet");
    backend.clock().advance(TimeDelta::minutes(31));
    assert_eq!(sweep(&backend, nobody).handle().await.unwrap().failed, 1);
    assert_eq!(state_of(&backend, "waits").await, UploadState::Failed);
    assert_eq!(state_of(&backend, "unused-000").await, UploadState::Pending);
}

/// However long it waits; once no job is left, its uploader is notified.
pub async fn an_upload_with_a_waiting_job_is_not_reported_as_failed(backend: impl Backend) {
    backend.hold_jobs();
    bring(&backend, 1, "waits", "anna").await;
    let job = AnalysisJob { image_id: image_id(1), content_type: ImageType::Png };
    backend.ports().queue.send(&job).await.unwrap();
    let sweep = sweep(&backend, Arc::new(Stubborn(connection_id("nobody"))));
    backend.clock().advance(TimeDelta::hours(3));
    for _ in 0..20 {
        backend.clock().advance(TimeDelta::minutes(1));
        assert_eq!(sweep.handle().await.unwrap().failed, 0, "its job waits");
    }
    assert_eq!(state_of(&backend, "waits").await, UploadState::Received);

    // Somebody takes it, and nothing comes of it.
    assert_eq!(backend.next_job().await, job);
    let mut reported = 0;
    for _ in 0..60 {
        backend.clock().advance(TimeDelta::minutes(1));
        reported += sweep.handle().await.unwrap().failed;
    }
    assert_eq!((reported, state_of(&backend, "waits").await), (1, UploadState::Failed));
}
