//! `GET /objects/KEY`: hands out what a signed link names.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_range_header::parse_range_header;
use labelcast_functions::ports::ObjectInfo;
use labelcast_functions::signing::{Received, S3Error, check_presigned};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::door::{Bucket, failed, refused};
use super::file;
use super::store::blocking;

pub(super) async fn get(State(bucket): State<Bucket>, Path(key): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    // A link signed for GET serves HEAD as well: it shows less.
    let received = Received { method: "GET", path: parts.uri.path(), query, headers: &parts.headers };
    if let Err(error) = check_presigned(&received, bucket.objects.clock().now(), |id: &str| bucket.objects.look_up(id))
    {
        return refused(&error);
    }
    let missing = || S3Error::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key.clone());
    let Some(place) = bucket.objects.place(&key) else { return refused(&missing()) };
    let (opened, info) = match blocking(move || file::open(&place)).await {
        Ok(Some(object)) => object,
        Ok(None) => return refused(&missing()),
        Err(error) => return refused(&failed(&error)),
    };
    let etag = format!("\"{}\"", info.etag);
    let known = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = match known.is_some_and(|known| known == "*" || known.split(',').any(|one| one.trim() == etag)) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => match content(tokio::fs::File::from_std(opened), &info, &parts.headers).await {
            Ok(response) => response,
            Err(error) => return refused(&error),
        },
    };
    let kind = content_type(query).unwrap_or_else(|| "application/octet-stream".to_owned());
    // What was uploaded is never a page of ours (rule 20).
    let headers = [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::ETAG, &etag),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "private, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-site"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// It is part of what was signed.
fn content_type(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("response-content-type="))?;
    percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

async fn content(mut opened: tokio::fs::File, info: &ObjectInfo, headers: &HeaderMap) -> Result<Response, S3Error> {
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let ranges = asked.and_then(|asked| parse_range_header(asked).ok()).map(|ranges| ranges.validate(info.size));
    let (status, start, length) = match ranges {
        Some(Ok(ranges)) if ranges.len() == 1 => {
            (StatusCode::PARTIAL_CONTENT, *ranges[0].start(), ranges[0].end() - ranges[0].start() + 1)
        }
        // Several ranges at once are not cut out; the whole is a right answer too (RFC 9110, 14.2).
        None | Some(Ok(_)) => (StatusCode::OK, 0, info.size),
        Some(Err(_)) => return Err(S3Error::new(416, "InvalidRange", "The requested range is not satisfiable")),
    };
    opened.seek(SeekFrom::Start(start)).await.map_err(|error| failed(&error))?;
    let body = Body::from_stream(ReaderStream::with_capacity(opened.take(length), 64 * 1024));
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {start}-{}/{}", start + length - 1, info.size))
    {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}
