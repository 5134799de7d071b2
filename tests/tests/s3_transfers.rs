//! The bytes of objects on S3, against a stand-in that is busy on demand: the emulator never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Bytes as Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::TryStreamExt;
use labelcast_aws::objects::{BucketPlace, S3Objects};
use labelcast_functions::ports::{ObjectKey, Objects, PortError};
use labelcast_functions::signing::Credentials;
use labelcast_functions::system::SystemClock;
use labelcast_tests::aws::{ACCESS_KEY, REGION, SECRET_KEY, client_config};

/// The SHA-256 of `picture`, which S3 holds against what came.
const OF_PICTURE: &str = "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97";

/// Answers so many times that it is busy, and then `response`.
#[derive(Clone)]
struct Bucket {
    busy: Arc<AtomicU32>,
    response: StatusCode,
}

async fn response(State(bucket): State<Bucket>, Path(_): Path<String>, headers: HeaderMap, body: Body) -> Response {
    if bucket.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        return (StatusCode::SERVICE_UNAVAILABLE, "<Code>SlowDown</Code>").into_response();
    }
    let signed = headers["authorization"].to_str().is_ok_and(|text| text.contains("x-amz-content-sha256"));
    assert!(signed, "what is sent is signed with its digest");
    if !body.is_empty() {
        assert_eq!(headers["x-amz-content-sha256"], OF_PICTURE);
        assert_eq!(headers["content-type"], "image/png");
    }
    (bucket.response, [("etag", "\"tag\"")], "picture").into_response()
}

async fn objects(busy: u32, responded: StatusCode) -> S3Objects {
    let bucket = Bucket { busy: Arc::new(AtomicU32::new(busy)), response: responded };
    let router = Router::new().route("/bucket/{*key}", get(response).put(response)).with_state(bucket);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("it listens"));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    let client = aws_sdk_s3::Client::new(&client_config(&origin).await);
    let credentials = Credentials {
        access_key_id: ACCESS_KEY.to_owned(),
        secret_access_key: SECRET_KEY.to_owned(),
        session_token: None,
    };
    let place = BucketPlace {
        bucket: "bucket".to_owned(),
        origin,
        path: "/bucket".to_owned(),
        region: REGION.to_owned(),
        credentials,
    };
    S3Objects::new(client, place, Arc::new(SystemClock))
}

fn key() -> ObjectKey {
    ObjectKey::new_upload(&"upload".parse().expect("a plain word is an upload's id"))
}

#[tokio::test]
async fn objects_are_read_and_written_although_s3_is_busy() {
    let read = objects(3, StatusCode::OK).await.read(&key()).await.unwrap().expect("it is there");
    assert_eq!((read.info.etag.as_str(), read.info.size), ("tag", 7));
    assert_eq!(read.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), b"picture");
    objects(3, StatusCode::OK).await.write(&key(), "image/png", Bytes::from_static(b"picture")).await.unwrap();
}

#[tokio::test]
async fn an_s3_that_stays_busy_is_unavailable_and_its_message_is_reported() {
    let Err(PortError::Unavailable { why, .. }) = objects(4, StatusCode::OK).await.read(&key()).await.map(drop) else {
        panic!("it was read");
    };
    assert!(why.contains("503") && why.contains("SlowDown"), "{why}");
}

#[tokio::test]
async fn a_missing_object_is_none_and_a_forbidden_one_is_an_error() {
    assert!(objects(0, StatusCode::NOT_FOUND).await.read(&key()).await.unwrap().is_none());
    assert!(objects(0, StatusCode::FORBIDDEN).await.read(&key()).await.is_err());
}
