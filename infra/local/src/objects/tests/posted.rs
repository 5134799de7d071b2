use std::sync::atomic::Ordering;

use chrono::Duration;
use labelcast_functions::model::NewObject;
use labelcast_functions::ports::{Clock, Objects};
use md5::{Digest, Md5};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Site, key, multipart, router};

#[tokio::test]
async fn a_valid_form_is_stored_then_reported_then_acknowledged() {
    let site = Site::open();
    let form = site.form("cat-1", 1..=100).await;
    let response = site.post(&form, b"bytes".to_vec()).await;
    let etag = hex::encode(Md5::digest(b"bytes"));
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["etag"], format!("\"{etag}\""));
    assert_eq!(response.headers()["location"], format!("{}/objects/new/cat-1", site.url));
    let info = site.objects.head(&key("cat-1")).await.unwrap().unwrap();
    assert_eq!((info.size, &info.etag), (5, &etag));

    let reported = site.reported.objects.lock().unwrap().clone();
    assert_eq!(reported, [NewObject { upload_id: "cat-1".parse().unwrap(), created_at: site.clock.now() }]);
}

#[tokio::test]
async fn a_file_of_the_wrong_size_is_refused_with_a_reason_and_leaves_nothing() {
    let site = Site::open();
    let form = site.form("cat", 10..=100).await;
    // Far more than sockets buffer: the client must be able to read the response all the same.
    for (size, code) in [(101, "EntityTooLarge"), (20 << 20, "EntityTooLarge"), (9, "EntityTooSmall")] {
        let response = site.post(&form, vec![7; size]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["content-type"], "application/xml");
        assert!(response.text().await.unwrap().contains(&format!("<Code>{code}</Code>")), "{size}");
    }
    assert_eq!(site.files(), Vec::<String>::new());
    assert!(site.reported.objects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_form_that_differs_from_what_was_signed_is_refused() {
    let site = Site::open();
    let good = site.form("cat", 1..=100).await;
    let refused = async |name: &str, value: Option<&str>, code: &str| {
        let mut form = good.clone();
        match value {
            Some(value) => form.fields.insert(name.to_owned(), value.to_owned()),
            None => form.fields.remove(name),
        };
        let response = site.post(&form, b"bytes".to_vec()).await.text().await.unwrap();
        assert!(response.contains(&format!("<Code>{code}</Code>")), "{name}: {response}");
    };
    refused("key", Some("processed/ab/evil"), "AccessDenied").await;
    refused("key", Some("../../credentials"), "AccessDenied").await;
    refused("x-amz-meta-more", Some("x"), "AccessDenied").await;
    refused("x-amz-signature", Some(&"0".repeat(64)), "SignatureDoesNotMatch").await;
    refused("x-amz-signature", None, "InvalidArgument").await;
    site.pass(Duration::minutes(11));
    refused("x-ignore-this", Some("x"), "AccessDenied").await;
    assert_eq!(site.files(), Vec::<String>::new());
}

#[tokio::test]
async fn fields_after_the_file_are_ignored() {
    let site = Site::open();
    let form = site.form("cat", 1..=100).await;
    let late = multipart(&form, b"bytes".to_vec()).text("key", "new/another");
    let response = site.client.post(&form.url).multipart(late).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(site.files(), ["new/cat"]);
}

#[tokio::test]
async fn an_object_that_cannot_be_reported_is_not_accepted() {
    let site = Site::open();
    site.reported.is_full.store(true, Ordering::Relaxed);
    let form = site.form("cat", 1..=100).await;
    assert_eq!(site.post(&form, b"bytes".to_vec()).await.status(), StatusCode::INSUFFICIENT_STORAGE);
    site.reported.is_full.store(false, Ordering::Relaxed);
    assert_eq!(site.post(&form, b"bytes".to_vec()).await.status(), StatusCode::NO_CONTENT, "the form is still good");
}

#[tokio::test]
async fn beyond_the_backlog_a_picture_is_refused_before_it_is_stored_with_retry_after() {
    let site = Site::open();
    site.reported.is_overloaded.store(true, Ordering::Relaxed);
    let form = site.form("cat", 1..=100).await;
    let response = site.post(&form, b"bytes".to_vec()).await;
    assert_eq!(
        (response.status(), response.headers()["retry-after"].as_bytes()),
        (StatusCode::SERVICE_UNAVAILABLE, &b"1"[..])
    );
    assert!(response.text().await.unwrap().contains("<Code>SlowDown</Code>"));
    assert_eq!(site.files(), Vec::<String>::new());
    site.reported.is_overloaded.store(false, Ordering::Relaxed);
    assert_eq!(site.post(&form, b"bytes".to_vec()).await.status(), StatusCode::NO_CONTENT, "the form is still good");
}

#[tokio::test]
async fn with_a_full_disk_uploads_are_refused_up_front() {
    let site = Site::leaving_free(u64::MAX);
    let form = site.form("cat", 1..=100).await;
    let response = site.post(&form, b"bytes".to_vec()).await;
    assert_eq!(response.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert!(response.text().await.unwrap().contains("<Code>InsufficientStorage</Code>"));
    assert_eq!(site.files(), Vec::<String>::new());
}

#[tokio::test]
async fn anything_but_a_form_is_refused_with_a_reason() {
    let site = Site::open();
    let url = format!("{}/objects", site.url);
    let plain = site.client.post(&url).body("hello").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::PRECONDITION_FAILED);
    for body in [
        "",
        "--x--\r\n",
        "--x\r\n",
        "--x\r\nnonsense\r\n\r\n",
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb",
    ] {
        let post = site.client.post(&url).header("content-type", "multipart/form-data; boundary=x").body(body);
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        assert!(response.text().await.unwrap().contains("<Code>"), "{body}");
    }
}

#[tokio::test]
async fn an_endless_form_without_a_file_is_cut_off() {
    let site = Site::open();
    for endless in
        ["Content-Disposition: form-data; name=\"a\"; x=\"", "Content-Disposition: form-data; name=\"a\"\r\n\r\n"]
    {
        let host = site.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /objects HTTP/1.1\r\nhost: {host}\r\ncontent-type: multipart/form-data; boundary=x\r\n\
             content-length: 10000000000\r\n\r\n--x\r\n{endless}"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = socket.split();
        let write = async {
            // Until the server closes, which it does long before the length that was announced.
            while writing.write_all(&[b'x'; 4096]).await.is_ok() {}
        };
        let mut response = [0; 12];
        tokio::select! {
            () = write => {}
            read = reading.read_exact(&mut response) => assert_eq!(read.unwrap(), 12),
        }
        assert_eq!(&response, b"HTTP/1.1 400");
    }
}

/// Name, file name, value: a form as it is sent, part after part.
fn as_sent(parts: &[(&str, Option<&str>, &str)]) -> String {
    let sent = |(name, file_name, value): &(&str, Option<&str>, &str)| {
        let file_name = file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n{value}\r\n")
    };
    parts.iter().map(sent).chain(["--x--\r\n".to_owned()]).collect()
}

#[tokio::test]
async fn a_misordered_form_or_one_without_a_file_gets_s3s_error() {
    let site = Site::open();
    let form = site.form("cat", 1..=100).await;
    let post = async |parts: &[(&str, Option<&str>, &str)]| {
        let request = site.client.post(&form.url).header("content-type", "multipart/form-data; boundary=x");
        let response = request.body(as_sent(parts)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let signed: Vec<_> = form.fields.iter().map(|(name, value)| (name.as_str(), None, value.as_str())).collect();
    let file = ("file", Some("cat.jpg"), "bytes");

    let (status, body) = post(&[vec![file], signed.clone()].concat()).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("<Code>InvalidArgument</Code>"), "{body}");
    assert!(
        body.contains(
            "<Message>Bucket POST must contain a field named &apos;key&apos;.  If it is specified, please check the \
             order of the fields.</Message>"
        ) || body.contains("named 'key'.  If it is specified, please check the order of the fields."),
        "{body}"
    );

    let exactly_one = "<Message>POST requires exactly one file upload per request.</Message>";
    for parts in [signed.clone(), [signed.clone(), vec![("picture", Some("cat.jpg"), "bytes")]].concat()] {
        let (status, body) = post(&parts).await;
        assert!(status == 400 && body.contains("<Code>InvalidArgument</Code>") && body.contains(exactly_one), "{body}");
    }
    let large = "x".repeat(30 << 10);
    let (status, body) = post(&[signed.clone(), vec![("picture", Some("cat.jpg"), &large)]].concat()).await;
    assert!(status == 400 && body.contains("<Code>MaxPostPreDataLengthExceeded</Code>"), "{body}");
    assert_eq!(site.files(), Vec::<String>::new());
    let (status, body) = post(&[signed, vec![file, ("submit", None, "Upload")]].concat()).await;
    assert_eq!(status, 204, "what comes after the file is ignored: {body}");
}

#[tokio::test(start_paused = true)]
async fn fields_before_the_file_must_arrive_within_ten_seconds() {
    let site = Site::open();
    let service = router(site.objects.clone(), site.reported.clone());
    // A byte a second, for ever: never silent, and never at the file.
    let bytes = futures_util::stream::unfold(0, |sent: u32| async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>("x"), sent + 1))
    });
    let begin = futures_util::stream::iter([Ok("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n")]);
    let request = axum::extract::Request::post("/objects")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(axum::body::Body::from_stream(futures_util::StreamExt::chain(begin, bytes)))
        .unwrap();
    let began = tokio::time::Instant::now();
    let response = tower::ServiceExt::oneshot(service, request).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers()["connection"], "close");
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("<Code>RequestTimeout</Code>"));
}
