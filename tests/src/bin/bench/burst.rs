//! A burst: 500 pictures of 12 megapixels, posted as fast as they are taken, and small uploads of somebody else meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use labelcast_tests::{Socket, picture, uploads};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::Value;

use crate::process::Measured;

const PICTURES: usize = 500;
/// Forms that are posted at once.
const POSTERS: usize = 8;
/// Pause between two small uploads.
const PAUSE: Duration = Duration::from_millis(500);
const SLOWEST: Duration = Duration::from_mins(5);

/// Uploads them all and waits for their labels.
pub async fn run() {
    let server = Arc::new(Measured::labelcast_on_both_cores().await);
    let at_rest = server.peak_memory();
    let photograph = Arc::new(photograph());
    let mut socket = Socket::open(&server.address, &server.token).await.expect("a connection");
    socket.subscribe(&["uploads"]).await;
    let over = Arc::new(AtomicBool::new(false));
    let small = tokio::spawn(small_uploads(server.clone(), over.clone()));

    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let posters: Vec<_> = (0..POSTERS)
        .map(|_| {
            let (server, photograph, next) = (server.clone(), photograph.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PICTURES {
                        return;
                    }
                    post(&server.address, &server.token, another(&photograph, number)).await;
                }
            })
        })
        .collect();
    let mut labelled = HashSet::new();
    while labelled.len() < PICTURES {
        let notification = tokio::time::timeout(SLOWEST, socket.frame()).await.expect("labels within five minutes");
        let event = notification["event"].as_str().unwrap_or_default();
        assert!(!matches!(event, "upload.rejected" | "upload.failed"), "{notification}");
        if event == "image.labelled" {
            labelled.insert(notification["data"]["upload_id"].as_str().unwrap_or_default().to_owned());
        }
    }
    let took = began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for poster in posters {
        poster.await.expect("a poster ends");
    }
    let mut times = small.await.expect("small uploads end");
    times.sort_unstable();
    let at =
        |hundredth: usize| times.get((times.len().max(1) - 1) * hundredth / 100).map_or(0.0, Duration::as_secs_f64);

    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let pictures = PICTURES as f64;
    let speed = pictures / took;
    println!(
        "| a burst of {PICTURES} JPEGs of 4,000 × 3,000, {} MB each | |\n| --- | --- |",
        photograph.len() / 1_000_000
    );
    println!("| pictures a second | {speed:.1} |");
    println!("| CPU ms a picture | {:.0} |", server.cpu() * 1_000.0 / pictures);
    println!("| peak memory, MB (at rest) | {} ({}) |", server.peak_memory() / 1_000_000, at_rest / 1_000_000);
    let dead = server.command(&["dead", "list", "--json"]).await.lines().count();
    println!("| dead letters | {dead} |");
    println!(
        "| small uploads meanwhile, answered to notification: median, p90, max s | {:.2}, {:.2}, {:.2} |",
        at(50),
        at(90),
        at(100)
    );
}

async fn post(address: &str, token: &str, bytes: Vec<u8>) {
    let begun = uploads::begin(address, token, "image/jpeg", bytes.len()).await;
    let response = uploads::post(address, &begun, bytes).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

/// From the answer to the labels, of one small upload after the other.
async fn small_uploads(server: Arc<Measured>, over: Arc<AtomicBool>) -> Vec<Duration> {
    let token = server.command(&["token", "moderator"]).await;
    let mut socket = Socket::open(&server.address, &token).await.expect("a connection");
    socket.subscribe(&["uploads"]).await;
    let mut times = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        post(&server.address, &token, picture::jpeg(number)).await;
        let responded = Instant::now();
        let labelled = async {
            loop {
                let notification: Value = socket.frame().await;
                if notification["event"] == "image.labelled" {
                    return;
                }
            }
        };
        tokio::time::timeout(SLOWEST, labelled).await.expect("labels within five minutes");
        times.push(responded.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    times
}

/// The same picture under another id: a comment more.
fn another(photograph: &[u8], number: usize) -> Vec<u8> {
    let comment = format!("{number:010}");
    let length = u16::try_from(comment.len() + 2).expect("a short text");
    [&photograph[..2], &[0xff, 0xfe], &length.to_be_bytes(), comment.as_bytes(), &photograph[2..]].concat()
}

/// Slopes with some grain, so that it is as large and as slow to decode as a photograph.
fn photograph() -> Vec<u8> {
    let mut grain = StdRng::seed_from_u64(12);
    let picture = RgbImage::from_fn(4_000, 3_000, |x, y| {
        let noise: i32 = grain.random_range(-12..=12);
        let shade =
            |slope: u32| u8::try_from((i32::try_from(slope % 256).unwrap_or(0) + noise).clamp(0, 255)).unwrap_or(0);
        image::Rgb([shade(x / 15), shade(y / 12), shade((x + y) / 27)])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture).expect("memory takes what is written");
    bytes
}
