//! Public copies and links: `docs/guarantees.md#public-copies`, `#signed-links`.

use std::path::Path;

use labelcast_tests::{Server, picture};
use reqwest::Method;
use reqwest::header::{HeaderMap, LOCATION};

const SECRET: &[u8] = b"52 deg 22' N, 4 deg 53' E";

/// A JPEG with an Exif segment that says where it was taken, and a comment that does too.
fn with_a_place() -> Vec<u8> {
    let mut picture = picture::jpeg(1);
    for (marker, start) in [(0xE1, &b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0"[..]), (0xFE, b"")] {
        let length = u16::try_from(start.len() + SECRET.len() + 2).unwrap().to_be_bytes();
        // Right behind the start of the image.
        let segment = [&[0xFF, marker], &length[..], start, SECRET].concat();
        picture.splice(2..2, segment);
    }
    picture
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn fetched(server: &Server, path: &str, token: &str) -> (HeaderMap, Vec<u8>) {
    let redirect = server.request(Method::GET, path).bearer_auth(token).send().await.unwrap();
    let location = redirect.headers()[LOCATION].to_str().unwrap().to_owned();
    let path = location.split_once(server.address()).unwrap().1;
    let response = server.request(Method::GET, path).send().await.unwrap().error_for_status().unwrap();
    (response.headers().clone(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn pictures_served_to_others_reveal_no_location_and_run_no_code() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels"]).await;
    assert!(holds(&with_a_place(), SECRET));
    server.upload(&token, "image/jpeg", with_a_place()).await;
    let image = socket.notification("image.labelled").await["data"]["image"]["image_id"].clone();
    let other = server.token("moderator").await;
    for part in ["original", "thumbnail"] {
        let (headers, bytes) =
            fetched(&server, &format!("/api/images/{}/{part}", image.as_str().unwrap()), &other).await;
        assert!(bytes.starts_with(&[0xFF, 0xD8]), "{part} is a JPEG");
        assert!(!holds(&bytes, SECRET), "{part} reveals where it was taken");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("sandbox"), "{part}");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn signed_urls_are_created_per_response_and_never_stored() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels", "uploads"]).await;
    server.upload(&token, "image/jpeg", picture::jpeg(1)).await;
    let image = socket.notification("image.labelled").await["data"]["image"].clone();
    for url in ["original", "thumbnail"].map(|url| image[url].as_str().unwrap()) {
        assert!(url.contains("X-Amz-Signature=") && url.contains("X-Amz-Expires=300"), "{url}");
    }
    let (_, history) = server.get("/api/history/labels", &token).await;
    assert!(history.to_string().contains("X-Amz-Signature="), "history is shown with new ones");
    let kept = files(server.directory());
    assert!(kept.iter().any(|file| file.ends_with("labelcast.db")));
    for file in kept {
        assert!(!holds(&std::fs::read(&file).unwrap(), b"X-Amz-Signature"), "{} keeps a signed URL", file.display());
    }
}
