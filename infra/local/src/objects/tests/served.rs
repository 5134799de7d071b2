use bytes::Bytes;
use chrono::Duration;
use labelcast_functions::ports::Objects;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::{Site, key};

async fn with_cat() -> Site {
    let site = Site::open();
    site.objects.write(&key("cat"), "image/jpeg", Bytes::from_static(b"0123456789")).await.unwrap();
    site
}

/// `docs/guarantees.md#public-copies`
fn assert_is_harmless(headers: &HeaderMap) {
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(headers["cross-origin-resource-policy"], "same-site");
    assert_eq!(headers["cache-control"], "private, max-age=300");
}

#[tokio::test]
async fn a_signed_link_serves_the_object_with_the_signed_type_and_never_as_active_content() {
    let site = with_cat().await;
    let response = site.client.get(site.link(&key("cat"))).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        (&response.headers()["content-type"], &response.headers()["content-length"]),
        (&"image/jpeg".parse().unwrap(), &"10".parse().unwrap())
    );
    assert_is_harmless(response.headers());
    assert_eq!(response.bytes().await.unwrap(), "0123456789");
    let head = site.client.head(site.link(&key("cat"))).send().await.unwrap();
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &"10".parse().unwrap()));
    assert_is_harmless(head.headers());
}

#[tokio::test]
async fn only_the_signed_object_is_served_until_the_link_expires() {
    let site = with_cat().await;
    site.objects.write(&key("dog"), "image/jpeg", Bytes::from_static(b"x")).await.unwrap();
    let link = site.link(&key("cat"));
    let status = async |link: &str| site.client.get(link).send().await.unwrap().status();
    let unsigned = link.split('?').next().unwrap();
    assert_eq!(status(unsigned).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&link.replace("/new/cat", "/new/dog")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&link.replace("image%2Fjpeg", "text%2Fhtml")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&site.link(&key("bird"))).await, StatusCode::NOT_FOUND);
    let posted = site.client.delete(&link).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    site.pass(Duration::minutes(5));
    assert_eq!(status(&link).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn range_requests_are_served() {
    let site = with_cat().await;
    let etag = format!("\"{}\"", site.objects.head(&key("cat")).await.unwrap().unwrap().etag);
    let get = async |headers: &[(&str, &str)]| {
        let get = site.client.get(site.link(&key("cat")));
        let get = headers.iter().fold(get, |get, (name, value)| get.header(*name, *value));
        let response = get.send().await.unwrap();
        let range = response.headers().get("content-range").map(|range| range.to_str().unwrap().to_owned());
        (response.status().as_u16(), range.unwrap_or_default(), response.text().await.unwrap())
    };
    let part = |range: &str, text: &str| (206, format!("bytes {range}/10"), text.to_owned());
    let whole = (200, String::new(), "0123456789".to_owned());
    assert_eq!(get(&[("range", "bytes=2-4")]).await, part("2-4", "234"));
    assert_eq!(get(&[("range", "bytes=7-")]).await, part("7-9", "789"));
    assert_eq!(get(&[("range", "bytes=-2")]).await, part("8-9", "89"));
    assert_eq!(get(&[("range", "bytes=2-4"), ("if-range", &etag)]).await, part("2-4", "234"));
    assert_eq!(get(&[("range", "bytes=2-4"), ("if-range", "\"another\"")]).await, whole);
    assert_eq!(get(&[("range", "bytes=0-1,4-5")]).await, whole);
    assert_eq!(get(&[("range", "lines=1")]).await, whole);
    let (status, range, _) = get(&[("range", "bytes=10-")]).await;
    assert_eq!((status, range.as_str()), (416, "bytes */10"));
    assert_eq!(get(&[("if-none-match", &etag)]).await.0, 304);
    assert_eq!(get(&[("if-none-match", "\"another\"")]).await, whole);
}

#[tokio::test]
async fn no_path_escapes_the_bucket() {
    let site = with_cat().await;
    std::fs::write(site.place.path().join("secret"), "a secret of sixteen bytes or more").unwrap();
    for path in
        ["../secret", "new/../../secret", "new/..%2F..%2Fsecret", "%2e%2e/secret", "parts/x", "new//secret", "new"]
    {
        let response = site.client.get(format!("{}/objects/{path}", site.url)).send().await.unwrap();
        assert!(response.status().is_client_error(), "{path}");
        assert_eq!(site.objects.place(path), None, "{path}");
    }
    for path in ["/etc/passwd", "new/\0", "new/a/b/c", "new/.", "new/..", "", "new/", "other/x", "new/a\\b"] {
        assert_eq!(site.objects.place(path), None, "{path}");
    }
}
