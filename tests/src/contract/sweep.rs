//! What the sweep does, whatever fails of it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use labelcast_functions::live::Sweep;
use labelcast_functions::model::{AnalysisJob, ConnectionId, ImageType, UploadState};
use labelcast_functions::ports::{Frame, ObjectKey, PortError, PortResult, Pushed, Pusher, Unreached};
use labelcast_functions::settings::Settings;

use super::Home;
use super::samples::{begin, bring, connect, connection_id, image_id, state_of, upload_id};

/// Cannot close one connection.
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

fn sweep(home: &impl Home, pusher: Arc<dyn Pusher>) -> Sweep {
    let ports = home.ports().clone();
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
pub async fn a_connection_that_cannot_be_closed_holds_up_nothing(home: impl Home) {
    let stubborn = connect(&home, "a-stays", "anna").await;
    for number in 0..5 {
        connect(&home, &format!("b{number}"), "bert").await;
    }
    begin(&home, "waits", "anna").await;
    let key = ObjectKey::new_upload(&upload_id("waits"));
    home.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    home.clock().advance(TimeDelta::minutes(61));

    let sweep_once = async || sweep(&home, Arc::new(Stubborn(stubborn.id.clone()))).handle().await;
    let failure = sweep_once().await.unwrap_err();
    assert!(failure.to_string().contains("it stays"), "{failure}");
    let connections = &home.ports().connections;
    for number in 0..5 {
        assert_eq!(connections.get(&connection_id(&format!("b{number}"))).await.unwrap(), None);
    }
    assert_eq!(connections.get(&stubborn.id).await.unwrap(), Some(stubborn.clone()), "the next sweep tries again");
    assert_eq!(state_of(&home, "waits").await, UploadState::Failed);
    let willing = Arc::new(Stubborn(connection_id("nobody")));
    let swept = sweep(&home, willing).handle().await.unwrap();
    assert_eq!((swept.connections, swept.failed), (1, 0));
}

/// However many there are: what hangs is found by its object.
pub async fn unused_forms_do_not_hide_an_upload_that_hangs(home: impl Home) {
    for number in 0..520 {
        begin(&home, &format!("unused-{number:03}"), "anna").await;
    }
    begin(&home, "waits", "anna").await;
    let key = ObjectKey::new_upload(&upload_id("waits"));
    home.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    let nobody = Arc::new(Stubborn(connection_id("nobody")));
    assert_eq!(sweep(&home, nobody.clone()).handle().await.unwrap().failed, 0, "not yet");
    home.clock().advance(TimeDelta::minutes(31));
    assert_eq!(sweep(&home, nobody).handle().await.unwrap().failed, 1);
    assert_eq!(state_of(&home, "waits").await, UploadState::Failed);
    assert_eq!(state_of(&home, "unused-000").await, UploadState::Pending);
}

/// However long it waits; once nothing is left to be done about it, its uploader hears of it.
pub async fn an_upload_whose_job_waits_is_not_called_failed(home: impl Home) {
    home.hold_jobs();
    bring(&home, 1, "waits", "anna").await;
    let job = AnalysisJob { image_id: image_id(1), content_type: ImageType::Png };
    home.ports().queue.send(&job).await.unwrap();
    let sweep = sweep(&home, Arc::new(Stubborn(connection_id("nobody"))));
    home.clock().advance(TimeDelta::hours(3));
    for _ in 0..20 {
        home.clock().advance(TimeDelta::minutes(1));
        assert_eq!(sweep.handle().await.unwrap().failed, 0, "its job waits");
    }
    assert_eq!(state_of(&home, "waits").await, UploadState::Received);

    // Somebody takes it, and nothing comes of it.
    assert_eq!(home.next_job().await, job);
    let mut told = 0;
    for _ in 0..60 {
        home.clock().advance(TimeDelta::minutes(1));
        told += sweep.handle().await.unwrap().failed;
    }
    assert_eq!((told, state_of(&home, "waits").await), (1, UploadState::Failed));
}
