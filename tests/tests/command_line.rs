//! `upload`, `watch` and `search` with a real server.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{Json, Router};
use labelcast_tests::server::labelcast;
use labelcast_tests::{Server, picture};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn records(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn run(url: &str, token: &str, arguments: &[&str]) -> Output {
    labelcast(arguments).args(["--url", url]).env("LABELCAST_TOKEN", token).output().await.unwrap()
}

/// Writes a file; returns its path.
fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_file_of_an_upload_gets_its_own_outcome_and_labelled_images_are_found() {
    let server = Server::start(&[]).await;
    let (token, url) = (server.token("viewer").await, format!("http://{}", server.address()));
    let folder = TempDir::new().unwrap();
    let mut files: Vec<String> =
        (0..6).map(|number| file(&folder, &format!("{number}.jpg"), &picture::jpeg(number))).collect();
    let whole = picture::jpeg(7);
    files.push(file(&folder, "cut.jpg", &whole[..whole.len() / 2]));
    files.push(file(&folder, "notes.txt", b"no picture"));
    let arguments: Vec<&str> = ["upload", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = run(&url, &token, &arguments).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let mut records = records(&output);
    records.sort_by_key(|record| record["file"].as_str().map(str::to_owned));
    let states: Vec<_> = records.iter().map(|record| record["state"].as_str().unwrap()).collect();
    assert_eq!(states, [&["labelled"; 6][..], &["rejected", "failed"]].concat());
    assert!(records[0]["image"]["labels"].as_array().is_some_and(|labels| !labels.is_empty()), "{}", records[0]);

    let plain = run(&url, &token, &["upload", &files[0]]).await;
    assert_eq!(plain.status.code(), Some(0), "{}", text(&plain.stderr));
    assert!(text(&plain.stdout).starts_with(&format!("{}: ", files[0])), "{}", text(&plain.stdout));
    assert_eq!(text(&plain.stderr), "");

    let found = run(&url, &token, &["search", "", "--limit", "5"]).await;
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    assert_eq!(text(&found.stdout).lines().count(), 5);
    let found = run(&url, &token, &["search", "", "--json"]).await;
    let mut ids: Vec<Value> = self::records(&found).iter().map(|image| image["image_id"].clone()).collect();
    let mut uploaded: Vec<Value> = records[..6].iter().map(|record| record["image"]["image_id"].clone()).collect();
    for all in [&mut ids, &mut uploaded] {
        all.sort_by_key(Value::to_string);
    }
    assert_eq!(ids, uploaded);
    let unread = run(&url, &token, &["search", "(dog"]).await;
    assert_eq!((unread.status.code(), text(&unread.stdout)), (Some(1), ""));
}

#[tokio::test]
async fn a_refusal_is_reported_in_the_servers_words_with_status_1() {
    let server = Server::start(&[]).await;
    let (token, url) = (server.token("viewer").await, format!("http://{}", server.address()));
    for (token, arguments, words) in [
        ("no.good.token", &["watch", "labels"][..], "the token was not accepted"),
        ("no.good.token", &["search", "dog"], "the token was not accepted"),
        ("no.good.token", &["upload", "cat.jpg"], "the token was not accepted"),
        (&token, &["watch", "moderation"], "moderat"),
        (&token, &["watch", "labels", "--filter", "(dog"], "Expected"),
        (&token, &["search", "dog:101"], "100"),
    ] {
        let output = run(&url, token, arguments).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains(token), "{arguments:?}");
    }
}

/// An address whose connections go to a server that may move, and that sees when somebody is subscribed.
struct Passage {
    address: String,
    target: Arc<Mutex<String>>,
    subscribed: watch::Receiver<bool>,
}

impl Passage {
    async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(target.to_owned()));
        let (seen, subscribed) = watch::channel(false);
        let at_present = target.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = at_present.lock().unwrap().clone();
                tokio::spawn(pass(near, target, seen.clone()));
            }
        });
        Self { address, target, subscribed }
    }
}

/// Until one side breaks: then both are closed.
async fn pass(near: TcpStream, target: String, seen: watch::Sender<bool>) -> std::io::Result<()> {
    let far = TcpStream::connect(target).await?;
    let ((mut near_reads, mut near_writes), (mut far_reads, mut far_writes)) = (near.into_split(), far.into_split());
    let down = async {
        let mut frames = vec![0; 64 << 10];
        loop {
            let read = far_reads.read(&mut frames).await?;
            if read == 0 {
                return std::io::Result::Ok(());
            }
            near_writes.write_all(&frames[..read]).await?;
            // What a server sends is not masked (RFC 6455, section 5.1).
            if frames[..read].windows(10).any(|text| text == b"subscribed") {
                seen.send_replace(true);
            }
        }
    };
    tokio::select! {
        down = down => down,
        up = tokio::io::copy(&mut near_reads, &mut far_writes) => up.map(drop),
    }
}

/// A server that only says where to go.
async fn signpost(settings: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/web/settings.json", get(async move || Json(settings)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_watch_prints_everything_once_across_a_killed_server() {
    let mut server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    // The server comes back on another port; the watch finds it at the same address.
    let mut passage = Passage::to(server.address()).await;
    let api = format!("http://{}/api", server.address());
    let url = signpost(json!({"api": api, "live": format!("ws://{}/live", passage.address)})).await;
    let mut command = labelcast(&["watch", "labels", "--json", "--url", &url]);
    let mut watch = command.env("LABELCAST_TOKEN", &token).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut reported = BufReader::new(watch.stderr.take().unwrap()).lines();
    passage.subscribed.wait_for(|subscribed| *subscribed).await.unwrap();
    let mut number = 0;
    for _ in 0..4 {
        for _ in 0..3 {
            number += 1;
            server.upload(&token, "image/jpeg", picture::jpeg(number)).await;
        }
        server.kill_and_restart().await;
        *passage.target.lock().unwrap() = server.address().to_owned();
    }
    let mut seqs = Vec::new();
    while seqs.last() < Some(&u64::from(number)) {
        let record: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(record["type"], "notification", "nothing was missed: {record}");
        seqs.push(record["topics"][0]["seq"].as_u64().unwrap());
    }
    // One picture is one notification.
    assert_eq!(seqs, (1..=u64::from(number)).collect::<Vec<_>>());
    assert!(reported.next_line().await.unwrap().unwrap().contains("retrying in"));
    let id = watch.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    assert_eq!(watch.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn over_tls_uploads_and_notifications_require_a_trusted_certificate() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = file(&folder, "certificate.pem", made.cert.pem().as_bytes());
    let key = file(&folder, "key.pem", made.signing_key.serialize_pem().as_bytes());
    let cat = file(&folder, "cat.jpg", &picture::jpeg(1));
    let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]).await;
    let (token, url) = (server.token("viewer").await, format!("https://{}", server.address()));
    let command = |trusted: &Path| {
        let mut command = labelcast(&["upload", &cat, "--url", &url]);
        command.env("LABELCAST_TOKEN", &token).env("SSL_CERT_FILE", trusted);
        command
    };
    let output = command(Path::new(&certificate)).output().await.unwrap();
    // With no word of a socket that could not be opened.
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let other = file(&folder, "other.pem", other.cert.pem().as_bytes());
    let output = command(Path::new(&other)).output().await.unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(text(&output.stderr).contains("certificate"), "{}", text(&output.stderr));
}
