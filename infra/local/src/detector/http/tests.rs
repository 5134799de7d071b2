//! Against real HTTP servers, good and bad ones.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures_util::stream;

use super::*;

/// Serves until the test ends, and counts the requests for `/`.
async fn serve<R: IntoResponse + 'static>(
    respond: impl Fn(usize, HeaderMap, Bytes) -> R + Clone + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let handle = move |request: Request| async move {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 10 << 20).await.unwrap();
        respond(number, parts.headers, body)
    };
    let router = Router::new().route("/", post(handle)).route("/elsewhere", get(|| async { "never asked" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, count)
}

fn json(body: impl Into<Body>) -> axum::response::Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.into()).into_response()
}

async fn ask_within(address: SocketAddr, limits: Limits) -> Result<Detection, DetectorError> {
    let url = format!("http://{address}/?key=hunter2").parse().unwrap();
    let detector = HttpDetector::within(url, limits).unwrap();
    detector.look(Arc::new(DynamicImage::new_rgb8(120, 90))).await
}

async fn ask(address: SocketAddr) -> Result<Detection, DetectorError> {
    ask_within(address, Limits { one: TRY, all: ALL }).await
}

/// Why, where another try is of no use.
fn final_reason(asked: Result<Detection, DetectorError>) -> String {
    match asked {
        Err(DetectorError::Unreadable(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn temporary_reason(asked: Result<Detection, DetectorError>) -> String {
    match asked {
        Err(DetectorError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_service_gets_the_picture_as_a_jpeg_and_its_labels_carry_its_name() {
    let (address, _) = serve(|_, headers, body| {
        assert_eq!(headers[header::CONTENT_TYPE], "image/jpeg");
        let picture = image::load_from_memory_with_format(&body, image::ImageFormat::Jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (120, 90));
        json(r#"{"labels":[{"name":"cat","confidence":62}]}"#)
    })
    .await;
    let found = ask(address).await.unwrap();
    let label = &found.labels[0];
    let source = label.source.as_ref().map(ToString::to_string);
    assert_eq!((label.name.as_str(), source), ("cat", Some(format!("http:{address}"))));
}

#[tokio::test]
async fn a_temporary_failure_is_tried_three_times() {
    for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::TOO_MANY_REQUESTS] {
        let (address, count) = serve(move |_, _, _| (status, "no")).await;
        let reason = temporary_reason(ask(address).await);
        assert!(reason.contains(status.as_str()), "{reason}");
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
    let (address, _) = serve(|number, _, _| match number {
        0 => (StatusCode::SERVICE_UNAVAILABLE, "warming up").into_response(),
        _ => json(r#"{"labels":[]}"#),
    })
    .await;
    assert_eq!(ask(address).await, Ok(Detection::default()));
}

#[tokio::test]
async fn a_permanent_failure_is_tried_once() {
    let (address, count) = serve(|_, _, _| (StatusCode::BAD_REQUEST, "no picture")).await;
    assert!(final_reason(ask(address).await).contains("400"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up() {
    let (address, _) =
        serve(|_, _, _| json(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))).await;
    let limits = Limits { one: Duration::from_millis(150), all: Duration::from_millis(500) };
    let begun = Instant::now();
    assert!(temporary_reason(ask_within(address, limits).await).contains("too long"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable_and_its_key_is_in_no_reason() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reason = temporary_reason(ask(address).await);
    assert!(reason.contains("could not be reached") && !reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_response_that_is_not_json_is_refused() {
    let (address, _) = serve(|_, _, _| ([(header::CONTENT_TYPE, "text/html")], r#"{"labels":[]}"#)).await;
    assert!(final_reason(ask(address).await).contains("text/html"));
    let (address, _) = serve(|_, _, _| json("<html>")).await;
    assert!(final_reason(ask(address).await).contains("cannot be read"));
    let (address, _) = serve(|_, _, _| json(r#"{"labels":[{"name":"cat","confidence":NaN}]}"#)).await;
    assert!(final_reason(ask(address).await).contains("cannot be read"));
}

#[tokio::test]
async fn an_answer_of_a_megabyte_is_refused_whether_or_not_it_says_its_length() {
    let (address, _) = serve(|_, _, _| json(vec![b' '; 1 << 20])).await;
    assert!(final_reason(ask(address).await).contains("256 KiB"));
    let endless = || stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
    let (address, _) = serve(move |_, _, _| json(Body::from_stream(endless()))).await;
    assert!(final_reason(ask(address).await).contains("256 KiB"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, count) = serve(|_, _, _| (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")], "")).await;
    assert!(final_reason(ask(address).await).contains("redirects"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
