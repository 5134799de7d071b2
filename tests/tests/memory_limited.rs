//! Pictures made to exhaust memory, against the real binary under a limit.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use labelcast_tests::{MemoryLimit, Server, picture};
use serde_json::Value;

/// A PNG whose rows are all zeros, packed as small as they can be.
struct Png {
    width: u32,
    height: u32,
    interlaced: bool,
    /// Type and contents, before the pixels.
    chunks: Vec<([u8; 4], Vec<u8>)>,
    pixels: Vec<u8>,
}

/// This many zeros.
fn packed(zeros: u64) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), zeros), &mut encoder).unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

impl Png {
    /// RGBA with 16 bits a channel.
    fn new(width: u32, height: u32) -> Self {
        let pixels = packed(u64::from(height) * (u64::from(width) * 8 + 1));
        Self { width, height, interlaced: false, chunks: Vec::new(), pixels }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        header.extend([16, 6, 0, 0, u8::from(self.interlaced)]);
        let mut chunk = |kind: &[u8], contents: &[u8]| {
            let whole = [kind, contents].concat();
            bytes.extend(u32::try_from(contents.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(&whole);
            bytes.extend(picture::crc32(&whole).to_be_bytes());
        };
        chunk(b"IHDR", &header);
        for (kind, contents) in &self.chunks {
            chunk(kind, contents);
        }
        chunk(b"IDAT", &self.pixels);
        chunk(b"IEND", &[]);
        bytes
    }
}

async fn state(server: &Server, token: &str, id: &str) -> Value {
    let (_, upload) = server.get(&format!("/api/uploads/{id}"), token).await;
    upload
}

/// What becomes of an upload.
async fn end(server: &Server, token: &str, id: &str) -> Value {
    let ends = async {
        loop {
            let upload = state(server, token, id).await;
            if matches!(upload["state"].as_str(), Some("labelled" | "rejected" | "failed")) {
                return upload;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), ends).await.expect("every upload ends")
}

#[tokio::test]
async fn the_server_survives_pictures_made_to_exhaust_memory() {
    const LIMIT: u64 = 256 << 20;
    let limit = MemoryLimit::of(LIMIT);
    let limit = if limit.is_a_control_group() {
        limit
    } else {
        eprintln!(
            "no control group can be made here (that takes root): `ulimit -v` it is, which counts reserved memory"
        );
        MemoryLimit::of(LIMIT * 6)
    };
    let server = Server::start_within(&limit, &["--memory-budget", "96MiB"]).await;
    let token = server.token("viewer").await;

    // Each would take 128 MB decoded at once. They differ, so each is a picture of its own.
    let mut bomb = Png::new(4_000, 4_000);
    let mut uploads = Vec::new();
    for number in 0..6_u8 {
        bomb.chunks = vec![(*b"tEXt", vec![b'A' + number, 0, b'x'])];
        uploads.push((bomb.bytes(), "labelled"));
    }
    // Text and a colour profile that unpack to 200 MB each.
    let unpacks = packed(200 << 20);
    let mut small = Png::new(100, 100);
    small.chunks = vec![
        (*b"iCCP", [b"p\0\0".as_slice(), &unpacks].concat()),
        (*b"zTXt", [b"Comment\0\0".as_slice(), &unpacks].concat()),
        (*b"iTXt", [b"Keywords\0\x01\0\0\0".as_slice(), &unpacks].concat()),
    ];
    uploads.push((small.bytes(), "labelled"));
    // As a whole in memory, since it is interlaced: more than the budget.
    bomb.interlaced = true;
    (bomb.width, bomb.height) = (8_000, 8_000);
    uploads.push((bomb.bytes(), "rejected"));

    let posted =
        uploads.into_iter().map(async |(bytes, expected)| (server.upload(&token, "image/png", bytes).await, expected));
    for (id, expected) in futures_util::future::join_all(posted).await {
        let upload = end(&server, &token, &id).await;
        assert_eq!(upload["state"], expected, "{upload}");
        if expected == "rejected" {
            let reason = upload["reason"].as_str().unwrap_or_default();
            assert!(reason.contains("memory") && reason.contains("8000×8000"), "{reason}");
        }
    }
    // It is the same process, and it works.
    let id = server.upload(&token, "image/jpeg", picture::jpeg(1)).await;
    assert_eq!(end(&server, &token, &id).await["state"], "labelled");
    if let Some(peak) = limit.peak() {
        println!("peak: {} MiB of {} MiB", peak >> 20, LIMIT >> 20);
    }
}
