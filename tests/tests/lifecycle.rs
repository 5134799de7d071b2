//! Files and rows of the real binary: many posts to one form, crashes between object and job, what expires, who can read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use labelcast_tests::server::labelcast;
use labelcast_tests::{Server, picture};
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// Waits, with a bound, for something that a running server does.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap_or_else(|_| panic!("{what} within a minute"));
}

async fn state(server: &Server, token: &str, upload: &str) -> String {
    let (_, state) = server.get(&format!("/api/uploads/{upload}"), token).await;
    state["state"].as_str().unwrap_or_default().to_owned()
}

async fn fsck(server: &Server) -> (bool, Vec<Value>) {
    let mut check = labelcast(&["fsck", "--json"]);
    let output = check.arg("--data").arg(server.directory()).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn twelve_concurrent_posts_to_one_form_make_one_image_and_leave_nothing_behind() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let pictures: Vec<Vec<u8>> = (0..12).map(picture::jpeg).collect();
    let size = pictures.iter().map(Vec::len).max().unwrap();
    let begun = server.begin(&token, "image/jpeg", size).await;
    let posts = pictures.iter().map(|bytes| server.post(&begun, bytes.clone()));
    let responses = futures_util::future::join_all(posts).await;
    assert!(
        responses
            .into_iter()
            .any(|response| response.is_ok_and(|response| response.status() == StatusCode::NO_CONTENT))
    );
    let upload = begun["upload_id"].as_str().unwrap().to_owned();
    until("it is labelled", async || state(&server, &token, &upload).await == "labelled").await;
    let objects = server.directory().join("objects");
    until("only its three files are left", async || {
        ["new", "original", "thumbnail", "processed"].map(|place| files(&objects.join(place)).len()) == [0, 1, 1, 1]
    })
    .await;
    assert_eq!(fsck(&server).await, (true, Vec::new()));
}

/// The process ended after the object had its name and before its job was written.
#[tokio::test]
async fn an_object_stored_without_its_job_is_recovered_at_the_next_start() {
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let bytes = picture::jpeg(1);
    let taken = server.upload(&token, "image/jpeg", bytes.clone()).await;
    until("it is labelled", async || state(&server, &token, &taken).await == "labelled").await;
    let begun = server.begin(&token, "image/jpeg", bytes.len()).await;
    let upload = begun["upload_id"].as_str().unwrap().to_owned();
    // An object as the server itself stores it.
    let objects = server.directory().join("objects");
    let stored = files(&objects.join("processed")).remove(0);
    std::fs::copy(stored, objects.join("new").join(&upload)).unwrap();
    server.kill_and_restart().await;
    until("it is taken up", async || state(&server, &token, &upload).await == "labelled").await;
    until("its object is gone", async || files(&objects.join("new")).is_empty()).await;
    assert_eq!(fsck(&server).await, (true, Vec::new()));
}

/// An object that was stored so many days, and a minute, ago.
fn put(path: &Path, days: u64) -> PathBuf {
    // Cut short: it has no room for the 16 bytes of an MD5 at its end. So nothing takes it up, and only its age ends it.
    std::fs::write(path, [0; 4]).unwrap();
    let modified = SystemTime::now() - Duration::from_secs(days * 86_400 + 60);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    path.to_owned()
}

#[tokio::test]
async fn unfinished_and_rejected_uploads_expire() {
    let mut server = Server::start(&[]).await;
    let objects = server.directory().join("objects");
    let put = |key: &str, days: u64| put(&objects.join(key), days);
    let gone = [put("rejected/old", 7), put("new/old", 1)];
    let kept = put("rejected/young", 6);
    server.kill_and_restart().await;
    until("they are gone", async || gone.iter().all(|path| !path.exists())).await;
    assert!(kept.exists());
}

/// By the settings, which are called as on AWS.
#[tokio::test]
async fn unfinished_and_rejected_uploads_are_kept_for_the_configured_time() {
    let mut server = Server::start(&["--new-days", "3", "--rejected-days", "2"]).await;
    let objects = server.directory().join("objects");
    let put = |key: &str, days: u64| put(&objects.join(key), days);
    let gone = [put("rejected/old", 2), put("new/old", 3)];
    let kept = [put("rejected/young", 1), put("new/young", 2)];
    server.kill_and_restart().await;
    until("they are gone", async || gone.iter().all(|path| !path.exists())).await;
    assert!(kept.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn stored_files_are_private_whatever_the_umask() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    let mut serve = Command::new("sh");
    serve.args(["-c", "umask 000; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\""]);
    serve.arg(labelcast(&[]).as_std().get_program()).arg(&data);
    serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut process = serve.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("it starts").contains("is ready") {}
    let backup = place.path().join("backup.tar");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" backup \"$2\" --data \"$1\""]);
    command.arg(labelcast(&[]).as_std().get_program()).args([&data, &backup]);
    assert!(command.status().await.unwrap().success());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let all = files(&data);
    assert!(
        ["labelcast.db", "labelcast.db-wal", "serve.lock", "credentials"]
            .iter()
            .all(|name| all.contains(&data.join(name)))
    );
    for path in all.iter().chain([&backup]) {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    for folder in ["", "objects", "objects/new", "objects/original"] {
        assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
    }
}
