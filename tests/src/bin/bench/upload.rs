//! From the moment an upload of one megapixel is answered to its labels on the uploader's socket.

use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use labelcast_tests::{Socket, uploads};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;

use crate::process::Measured;

const UPLOADS: u64 = 60;

/// Uploads one picture after the other.
pub async fn run() {
    let server = Measured::labelcast().await;
    let mut socket = Socket::open(&server.address, &server.token).await.expect("a connection");
    socket.subscribe(&["uploads"]).await;
    let (mut times, mut bytes) = (Vec::new(), 0);
    for number in 0..UPLOADS {
        let picture = photograph(number);
        bytes += picture.len();
        let begun = uploads::begin(&server.address, &server.token, "image/jpeg", picture.len()).await;
        let response = uploads::post(&server.address, &begun, picture).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let responded = Instant::now();
        socket.notification("image.labelled").await;
        times.push(responded.elapsed());
    }
    times.sort_unstable();
    let at = |hundredth: usize| milliseconds(times[(times.len() - 1) * hundredth / 100]);
    println!(
        "| upload answered to notification | median ms | p90 ms | max ms | bar |\n| --- | --- | --- | --- | --- |"
    );
    let size = bytes / times.len() / 1_000;
    println!("| a JPEG of 1,200 × 900, {size} KB | {} | {} | {} | 50 |", at(50), at(90), at(100));
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

/// Slopes with some grain, so that it is as large and as slow to decode as a photograph.
fn photograph(seed: u64) -> Vec<u8> {
    let mut grain = StdRng::seed_from_u64(seed);
    let picture = RgbImage::from_fn(1_200, 900, |x, y| {
        let noise: i32 = grain.random_range(-12..=12);
        let shade =
            |slope: u32| u8::try_from((i32::try_from(slope % 256).unwrap_or(0) + noise).clamp(0, 255)).unwrap_or(0);
        Rgb([shade(x / 5), shade(y / 4), shade((x + y) / 9)])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture).expect("memory takes what is written");
    bytes
}
