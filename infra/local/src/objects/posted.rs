//! `POST /objects`: takes a picture in a signed form.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::SubsecRound;
use labelcast_functions::model::{NewObject, UploadId};
use labelcast_functions::ports::{ObjectInfo, ObjectKey, PortError};
use labelcast_functions::rest::Admission;
use multer::{Field, Multipart};

use super::bucket::{Bucket, failed, no_room, open_file, refused, slow_down};
use super::paced::{Paced, TooMuchBeforeFile};
use super::store::{BUCKET, blocking, make_folder_of};
use crate::jobs::Reservation;
use crate::signature::{Accepted, IncomingForm, PostPolicy, S3Error};

/// What a field may have: all of them together are bounded again by the policy's check.
const MAX_FIELD: usize = 20 << 10;
/// S3's code for a client that sends too slowly.
const TIMED_OUT: &str = "RequestTimeout";
/// Maximum number of fields in a form.
const MAX_FIELDS: usize = 64;
/// How long everything before the file may take to arrive: until then nobody has shown that they may post at all.
const FIELDS_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn post(State(bucket): State<Bucket>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = Paced::new(body.into_data_stream());
    match take(&bucket, &parts, &mut body).await {
        Ok((accepted, info)) => response(&bucket, &accepted, &info),
        Err(error) if error.code == TIMED_OUT => {
            // The connection ends with the response: this client has had its time.
            let mut response = refused(&error);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Err(error) => {
            body.drain();
            refused(&error)
        }
    }
}

async fn take(bucket: &Bucket, parts: &Parts, body: &mut Paced) -> Result<(Accepted, ObjectInfo), S3Error> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| {
        S3Error::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
            .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
    })?;
    let file_begins = body.file_begins();
    let mut form = Multipart::new(body, boundary);
    let (fields, file) =
        tokio::time::timeout(FIELDS_TIMEOUT, before_file(&mut form)).await.map_err(|_| too_slow())??;
    file_begins.now();
    // The file is the last: what comes after it is not looked at.
    let incoming = IncomingForm { bucket: BUCKET, fields: &fields, filename: file.file_name() };
    let accepted = PostPolicy::check(&incoming, bucket.objects.clock().now(), |id: &str| bucket.objects.look_up(id))?;
    let upload_id = ObjectKey::upload_id(&accepted.key).ok_or_else(no_upload)?;
    Admission::admit(&parts.extensions);
    let _open = open_file(parts)?;
    // Before the bytes are read, and not given back until they are on their way: what is stored is never refused.
    let reserved = bucket.created.reserve().map_err(|error| stored(&error))?;
    let info = store(bucket, &accepted, file).await?;
    report(bucket, upload_id, reserved).await?;
    Ok((accepted, info))
}

/// The fields before the file, and the file, of which nothing was read yet.
async fn before_file<'a>(form: &mut Multipart<'a>) -> Result<(Vec<(String, String)>, Field<'a>), S3Error> {
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| malformed(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name.eq_ignore_ascii_case("file") {
            return Ok((fields, field));
        }
        fields.push((name, text(field).await?));
        if fields.len() > MAX_FIELDS {
            return Err(too_much());
        }
    }
    Err(S3Error::new(400, "InvalidArgument", "POST requires exactly one file upload per request.")
        .with("ArgumentName", "file")
        .with("ArgumentValue", "0"))
}

fn no_upload() -> S3Error {
    S3Error::new(403, "AccessDenied", "This key is not for uploads.")
}

fn too_slow() -> S3Error {
    metrics::counter!("labelcast_forms_timed_out_total").increment(1);
    let message = "Your socket connection to the server was not read from or written to within the timeout period. \
                   Idle connections will be closed.";
    S3Error::new(400, TIMED_OUT, message)
}

fn too_much() -> S3Error {
    let message = "Your POST request fields preceding the upload file were too large.";
    S3Error::new(400, "MaxPostPreDataLengthExceeded", message)
}

fn malformed(error: &multer::Error) -> S3Error {
    if let multer::Error::StreamReadFailed(cause) = error
        && cause.is::<TooMuchBeforeFile>()
    {
        return too_much();
    }
    tracing::debug!(%error, "a form could not be parsed");
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    S3Error::new(400, "MalformedPOSTRequest", message)
}

async fn text(mut field: Field<'_>) -> Result<String, S3Error> {
    let mut bytes = Vec::new();
    while let Some(part) = field.chunk().await.map_err(|error| malformed(&error))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_FIELD {
            return Err(too_much());
        }
    }
    String::from_utf8(bytes).map_err(|_| S3Error::new(400, "InvalidArgument", "A field of the form is not UTF-8."))
}

/// Streams the file to the disk, within the policy's size; durable when it returns.
async fn store(bucket: &Bucket, accepted: &Accepted, mut field: Field<'_>) -> Result<ObjectInfo, S3Error> {
    let place = bucket.objects.place(&accepted.key);
    let place = place.ok_or_else(no_upload)?;
    let room = bucket.objects.has_room(*accepted.size.end()).map_err(|error| failed(&error))?;
    if !room {
        metrics::counter!("labelcast_no_space_total").increment(1);
        return Err(no_room());
    }
    let mut writing = bucket.objects.begin().map_err(|error| failed(&error))?;
    while let Some(part) = field.chunk().await.map_err(|error| malformed(&error))? {
        if writing.size() + part.len() as u64 > *accepted.size.end() {
            accepted.check_size(writing.size() + part.len() as u64)?;
        }
        // A picture has at most 15 MiB and the page cache takes it at once, so this does not hold up others.
        writing.write(&part).map_err(|error| stored(&super::store::port_error(&error)))?;
    }
    accepted.check_size(writing.size())?;
    let kept = blocking(move || {
        make_folder_of(&place)?;
        writing.keep(&place)
    });
    kept.await.map_err(|error| stored(&error))
}

/// Tells of the object; that it will be looked at is durable when it returns.
async fn report(bucket: &Bucket, upload_id: UploadId, reserved: Reservation) -> Result<(), S3Error> {
    // S3 reports times in milliseconds.
    let object = NewObject { upload_id, created_at: bucket.objects.clock().now().trunc_subsecs(3) };
    bucket.created.created(reserved, object).await.map_err(|error| stored(&error))?;
    metrics::counter!("labelcast_objects_posted_total").increment(1);
    Ok(())
}

fn stored(error: &PortError) -> S3Error {
    match error {
        PortError::Full { .. } => no_room(),
        PortError::Overloaded { .. } => slow_down(),
        other => failed(other),
    }
}

fn response(bucket: &Bucket, accepted: &Accepted, info: &ObjectInfo) -> Response {
    let location = bucket.objects.url_of(&accepted.key);
    let etag = format!("\"{}\"", info.etag);
    let mut response = match accepted.success_action_status {
        201 => {
            let xml = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location><Bucket>{BUCKET}</Bucket>\
                 <Key>{}</Key><ETag>&quot;{}&quot;</ETag></PostResponse>",
                accepted.key, info.etag
            );
            (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/xml")], xml).into_response()
        }
        200 => Body::empty().into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    };
    for (name, value) in [(header::ETAG, etag), (header::LOCATION, location)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
