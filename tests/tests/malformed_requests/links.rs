//! Conditional and range requests for pictures.

use labelcast_tests::{Server, picture, raw};

use crate::is_safe;

#[tokio::test]
async fn a_link_supports_conditional_and_range_requests() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let bytes = picture::jpeg(1);
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    server.upload(&token, "image/jpeg", bytes).await;
    let labelled = socket.notification("image.labelled").await;
    let link = labelled["data"]["image"]["thumbnail"].as_str().unwrap().to_owned();
    let target = link[link.find("/objects").unwrap()..].to_owned();
    let get = async |headers: &str| raw::get(server.address(), &target, headers).await;
    let whole = get("").await;
    is_safe(&whole, "the whole");
    let (etag, modified) =
        (whole.header("etag").unwrap().to_owned(), whole.header("last-modified").unwrap().to_owned());
    let size = whole.body.len();
    for (headers, expected) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: W/{etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Match: W/{etag}\r\n"), 412),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), 412),
        (format!("If-Unmodified-Since: {modified}\r\n"), 200),
        ("Range: bytes=0-9\r\n".to_owned(), 206),
        ("Range: bytes=-5\r\n".to_owned(), 206),
        ("Range: bytes=0-1,5-6\r\n".to_owned(), 200),
        ("Range: nonsense\r\n".to_owned(), 200),
        (format!("Range: bytes=0-9\r\nIf-Range: {etag}\r\n"), 206),
        (format!("Range: bytes=0-9\r\nIf-Range: W/{etag}\r\n"), 200),
        ("Range: bytes=0-9\r\nIf-Range: \"x\"\r\n".to_owned(), 200),
        (format!("Range: bytes={size}-\r\n"), 416),
        ("Range: bytes=-0\r\n".to_owned(), 416),
    ] {
        let response = get(&headers).await;
        is_safe(&response, &headers);
        assert_eq!(response.status, expected, "{headers}");
        if expected == 304 {
            assert_eq!(response.header("etag"), Some(etag.as_str()), "{headers}");
        }
        if expected == 416 {
            assert_eq!(response.header("content-range"), Some(format!("bytes */{size}").as_str()), "{headers}");
        }
    }
    let part = get("Range: bytes=-5\r\n").await;
    assert_eq!(part.body, whole.body[size - 5..]);
}
