//! Backups taken while the server is busy, and a server that continues from a restored one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use labelcast_tests::server::labelcast;
use labelcast_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Uploads that are under way at any time.
const MAX_CONCURRENCY: usize = 4;

/// Uploads until stopped; returns the ids of accepted uploads, in order.
async fn upload_on(server: Arc<Server>, token: String, accepted: watch::Sender<Vec<String>>, stop: CancellationToken) {
    let number = Arc::new(AtomicU32::new(0));
    let uploads = (0..MAX_CONCURRENCY).map(|_| async {
        while !stop.is_cancelled() {
            let picture = picture::jpeg(number.fetch_add(1, Ordering::Relaxed));
            let id = server.upload(&token, "image/jpeg", picture).await;
            accepted.send_modify(|accepted| accepted.push(id));
        }
    });
    futures_util::future::join_all(uploads).await;
}

async fn unpacked(file: &Path) -> TempDir {
    let directory = TempDir::new().unwrap();
    let mut unpack = Command::new("tar");
    let status = unpack.arg("-xpf").arg(file).arg("-C").arg(directory.path()).status().await.unwrap();
    assert!(status.success());
    directory
}

/// Waits until an upload has its image.
async fn image_of(server: &Server, token: &str, upload: &str) -> Value {
    let mut socket = server.connect(token).await;
    socket.subscribe(&["uploads"]).await;
    loop {
        let (status, state) = server.get(&format!("/api/uploads/{upload}"), token).await;
        assert_eq!(status, StatusCode::OK, "{upload} was accepted before the backup");
        match state["state"].as_str() {
            Some("labelled") => {
                let path = format!("/api/images/{}", state["image_id"].as_str().unwrap());
                return server.get(&path, token).await.1;
            }
            // Reported when that changes.
            Some("pending" | "received") => drop(socket.frame().await),
            other => panic!("{upload}: {other:?} {:?}", state["reason"]),
        }
    }
}

#[tokio::test]
async fn a_backup_taken_during_uploads_has_everything_accepted_before_it() {
    let server = Arc::new(Server::start(&[]).await);
    let token = server.token("viewer").await;
    let (accepted, mut so_far) = watch::channel(Vec::new());
    let stop = CancellationToken::new();
    let uploading = tokio::spawn(upload_on(server.clone(), token, accepted, stop.clone()));
    let place = TempDir::new().unwrap();
    let mut backups = Vec::new();
    for round in 1..=3 {
        so_far.wait_for(|accepted| accepted.len() >= round * 8).await.unwrap();
        let before = so_far.borrow().clone();
        let file = place.path().join(format!("{round}.tar"));
        let mut backup = labelcast(&["backup", file.to_str().unwrap()]);
        let output = backup.arg("--data").arg(server.directory()).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        backups.push((file, before));
    }
    stop.cancel();
    uploading.await.unwrap();
    for (file, before) in backups {
        let restored = Server::on(unpacked(&file).await).await;
        let token = restored.token("viewer").await;
        for upload in &before {
            let image = image_of(&restored, &token, upload).await;
            for url in [&image["thumbnail"], &image["original"]] {
                let path = url.as_str().unwrap().split_once(restored.address()).unwrap().1;
                let response = restored.request(Method::GET, path).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK, "{url}");
                image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
            }
        }
    }
}
