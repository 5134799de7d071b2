//! The bucket, on S3.

mod transfer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use chrono::DateTime;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use labelcast_functions::ports::{
    Clock, ListedObject, MAX_LISTED, ObjectInfo, ObjectKey, ObjectRead, Objects, PortError, PortResult, UploadForm,
};
use labelcast_functions::signing::{Credentials, PostForm, PresignedPost, post_form, presigned_get};

use self::transfer::Transfer;

const WHAT: &str = "the bucket";

/// Where the bucket is, and who signs for it.
#[derive(Debug, Clone)]
pub struct BucketPlace {
    /// The bucket's name.
    pub bucket: String,
    /// Where it is served: `https://BUCKET.s3.REGION.amazonaws.com`, without a slash at the end.
    pub origin: String,
    /// What comes before the keys: empty, or `/BUCKET` where the bucket is not in the host's name.
    pub path: String,
    /// The region that the bucket is in, which signatures name.
    pub region: String,
    /// Of the function's role; forms and links end with them at the latest.
    pub credentials: Credentials,
}

/// The bucket on S3.
#[derive(Clone)]
pub struct S3Objects {
    client: Client,
    transfer: Transfer,
    place: BucketPlace,
    clock: Arc<dyn Clock>,
}

impl S3Objects {
    /// The bucket at this place.
    pub fn new(client: Client, place: BucketPlace, clock: Arc<dyn Clock>) -> Self {
        Self { client, transfer: Transfer::new(place.clone()), place, clock }
    }
}

fn unavailable<E, R>(error: &SdkError<E, R>) -> PortError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    PortError::Unavailable { what: WHAT, why: DisplayErrorContext(error).to_string() }
}

/// Whether S3 says that there is no such object, or none of that ETag. A missing object is reported as 403 to whoever may
/// not list the bucket; the functions may.
fn is_status<E: ProvideErrorMetadata + RequestId>(
    error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
    statuses: &[u16],
) -> bool {
    error.raw_response().is_some_and(|response| statuses.contains(&response.status().as_u16()))
}

fn info(size: Option<i64>, etag: Option<&str>) -> ObjectInfo {
    ObjectInfo {
        size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn read(&self, key: &ObjectKey) -> PortResult<Option<ObjectRead>> {
        let response = self.transfer.send(Method::GET, key, None, Bytes::new()).await?;
        if response.status().as_u16() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = transfer::taken(response).await?;
        let header = |name| response.headers().get(name);
        let info = info(header("content-length").and_then(|size| size.parse().ok()), header("etag"));
        let bytes = response.into_body().into_data_stream();
        let bytes = bytes.map_err(|error| PortError::Unavailable { what: WHAT, why: error.to_string() });
        Ok(Some(ObjectRead { info, bytes: bytes.boxed() }))
    }

    async fn head(&self, key: &ObjectKey) -> PortResult<Option<ObjectInfo>> {
        match self.client.head_object().bucket(&self.place.bucket).key(key.as_str()).send().await {
            Ok(object) => Ok(Some(info(object.content_length, object.e_tag.as_deref()))),
            Err(error) if is_status(&error, &[404]) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn copy_if_unchanged(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> PortResult<bool> {
        let call = self
            .client
            .copy_object()
            .bucket(&self.place.bucket)
            .key(to.as_str())
            .copy_source(format!("{}/{from}", self.place.bucket))
            .copy_source_if_match(etag);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_status(&error, &[404, 412]) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn write(&self, key: &ObjectKey, content_type: &str, bytes: Bytes) -> PortResult<()> {
        let response = self.transfer.send(Method::PUT, key, Some(content_type), bytes).await?;
        transfer::taken(response).await.map(drop)
    }

    async fn delete(&self, key: &ObjectKey) -> PortResult<()> {
        let call = self.client.delete_object().bucket(&self.place.bucket).key(key.as_str());
        call.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ListedObject>> {
        let call = self
            .client
            .list_objects_v2()
            .bucket(&self.place.bucket)
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned))
            .max_keys(i32::try_from(MAX_LISTED).unwrap_or(i32::MAX));
        let response = call.send().await.map_err(|error| unavailable(&error))?;
        let listed = response.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let modified = object.last_modified.and_then(|at| DateTime::from_timestamp_millis(at.to_millis().ok()?))?;
            Some(ListedObject { key: object.key?, modified })
        });
        Ok(listed.collect())
    }

    async fn sign_post(&self, form: &UploadForm) -> PortResult<PresignedPost> {
        let form = PostForm {
            bucket: self.place.bucket.clone(),
            key: form.key.to_string(),
            content_type: form.content_type.media_type().to_owned(),
            size: form.size.clone(),
            expires_at: form.expires_at,
        };
        let place = &self.place;
        Ok(post_form(
            &form,
            &format!("{}{}/", place.origin, place.path),
            &place.credentials,
            &place.region,
            self.clock.now(),
        ))
    }

    fn sign_get(&self, key: &ObjectKey, content_type: &str, valid: Duration) -> String {
        let valid = chrono::Duration::from_std(valid).unwrap_or(chrono::Duration::minutes(5));
        let response = [("response-content-type", content_type)];
        let place = &self.place;
        let path = format!("{}/{key}", place.path);
        presigned_get(&place.origin, &path, &response, &place.credentials, &place.region, valid, self.clock.now())
    }
}
