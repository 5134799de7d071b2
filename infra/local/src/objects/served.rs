//! `GET /objects/KEY`: serves the object of a signed link.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use futures_util::StreamExt;
use labelcast_functions::rest::{Admission, Precondition, Range, Validators, http_date};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::bucket::{Bucket, failed, open_file, refused};
use super::file;
use super::store::blocking;
use crate::server::FilePermit;
use crate::signature::{Received, S3Error, check_presigned};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

impl Bucket {
    /// Whether the request came with a link that we signed. Behind a proxy that takes the prefix of the public address away,
    /// what was signed still has it.
    fn check_link(&self, parts: &Parts) -> Result<(), S3Error> {
        let path = format!("{}{}", self.objects.path_prefix(), parts.uri.path());
        // A link signed for GET serves HEAD as well: it shows less.
        let received = Received {
            method: "GET",
            path: &path,
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        };
        check_presigned(&received, self.objects.clock().now(), |id: &str| self.objects.look_up(id))
    }
}

pub(super) async fn get(
    State(bucket): State<Bucket>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let Ok(Path(key)) = key else {
        return refused(&S3Error::new(400, "InvalidURI", "Couldn't parse the specified URI."));
    };
    match object(&bucket, &key, &parts).await {
        Ok(response) => response,
        Err(error) => refused(&error),
    }
}

async fn object(bucket: &Bucket, key: &str, parts: &Parts) -> Result<Response, S3Error> {
    let query = parts.uri.query().unwrap_or_default();
    bucket.check_link(parts)?;
    Admission::admit(&parts.extensions);
    let missing = || S3Error::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key);
    let place = bucket.objects.place(key).ok_or_else(missing)?;
    let file = open_file(parts)?;
    let found = blocking(move || {
        let Some((file, info)) = file::open(&place)? else { return Ok(None) };
        // Not every file system knows when.
        let modified = file.metadata()?.modified().ok().map(DateTime::from);
        Ok(Some((file, info, modified)))
    });
    let (opened, info, modified) = found.await.map_err(|error| failed(&error))?.ok_or_else(missing)?;
    let etag = format!("\"{}\"", info.etag);
    let version = Validators { etag: &etag, modified };
    let mut response = match version.check(&parts.method, &parts.headers) {
        Precondition::Passed => {
            let range = version.range(&parts.method, &parts.headers, info.size);
            content(tokio::fs::File::from_std(opened), file, info.size, range).await?
        }
        Precondition::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Precondition::Failed => {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(S3Error::new(412, "PreconditionFailed", message));
        }
    };
    describe(&mut response, query, &version);
    Ok(response)
}

fn describe(response: &mut Response, query: &str, version: &Validators<'_>) {
    let kind = content_type(query).unwrap_or_else(|| "application/octet-stream".to_owned());
    let modified = version.modified.map(http_date);
    // What was uploaded is never a page of ours.
    let headers = [
        (header::CONTENT_TYPE, Some(kind.as_str())),
        (header::ETAG, Some(version.etag)),
        (header::LAST_MODIFIED, modified.as_deref()),
        (header::ACCEPT_RANGES, Some("bytes")),
        (header::CACHE_CONTROL, Some("private, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, Some("nosniff")),
        (header::CONTENT_SECURITY_POLICY, Some("default-src 'none'; sandbox")),
        (RESOURCE_POLICY, Some("same-site")),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().entry(name).or_insert(value);
        }
    }
}

/// It is part of what was signed.
fn content_type(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("response-content-type="))?;
    percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

async fn content(
    mut opened: tokio::fs::File,
    permit: Option<FilePermit>,
    size: u64,
    range: Range,
) -> Result<Response, S3Error> {
    let (status, start, end) = match range {
        Range::Whole => (StatusCode::OK, 0, size),
        Range::Part(part) => (StatusCode::PARTIAL_CONTENT, *part.start(), part.end() + 1),
        Range::Unsatisfiable => {
            let mut response = refused(&S3Error::new(416, "InvalidRange", "The requested range is not satisfiable"));
            insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    opened.seek(SeekFrom::Start(start)).await.map_err(|error| failed(&error))?;
    let length = end - start;
    // The file is open until it is sent.
    let pieces = ReaderStream::with_capacity(opened.take(length), 64 * 1024);
    let body = Body::from_stream(pieces.inspect(move |_| {
        let _ = &permit;
    }));
    let mut response = (status, body).into_response();
    insert(&mut response, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        insert(&mut response, header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
    }
    Ok(response)
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
