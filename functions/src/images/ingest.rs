//! `ingest`: takes a created object, makes sure that it is a picture, and begins its analysis.

use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{Decoding, DecodingError, Leftovers};
use crate::imaging::{self, PictureFile, Rejection, WORKING_SIDE};
use crate::model::{
    BusEvent, Image, ImageFiles, ImageId, ImageType, NewObject, Upload, UploadId, UploadRef, UploadState,
};
use crate::ports::{AnalysisJob, Bus, NewImage, ObjectInfo, ObjectKey, Objects, PortError, PortResult, Queue, Uploads};
use crate::ports::{Clock, Detector, Images};
use crate::settings::Settings;

/// Checks an uploaded picture and stores its files and its row.
#[derive(Clone)]
pub struct Ingest {
    /// Dates rows and events.
    pub clock: Arc<dyn Clock>,
    /// The bucket that the picture is in.
    pub objects: Arc<dyn Objects>,
    /// Rows of uploads.
    pub uploads: Arc<dyn Uploads>,
    /// Rows of images.
    pub images: Arc<dyn Images>,
    /// The queue before `analyze`.
    pub queue: Arc<dyn Queue>,
    /// Carries events to `notify`.
    pub bus: Arc<dyn Bus>,
    /// Decodes pictures within the memory budget.
    pub decoding: Decoding,
    /// Looks at each picture while it is decoded anyway; `None` where the detector works elsewhere.
    pub detector: Option<Arc<dyn Detector>>,
    /// The maximum size of a picture.
    pub settings: Arc<Settings>,
}

/// A picture that is good, with what is made of it.
struct Accepted {
    image: NewImage,
    original: Bytes,
    thumbnail: Bytes,
}

impl Ingest {
    /// Takes a created object. Every step can be repeated, so one that failed is tried again as a whole.
    pub async fn handle(&self, object: NewObject) -> PortResult<()> {
        let NewObject { upload_id, created_at } = object;
        let Some(upload) = self.uploads.get(&upload_id).await? else {
            tracing::warn!(%upload_id, "ignored an object that belongs to no known upload");
            metrics::counter!("labelcast_ingest_ignored_total").increment(1);
            return self.clear(&upload_id).await;
        };
        match upload.state {
            // One that failed before there was an image may still come to a good end.
            UploadState::Pending | UploadState::Failed if upload.may_attach() => self.take(&upload, created_at).await,
            UploadState::Received | UploadState::Labelled => self.go_on(&upload).await,
            UploadState::Rejected => self.reject_again(&upload).await,
            UploadState::Pending | UploadState::Failed => self.clear(&upload.id).await,
        }
    }

    /// Copy, row, queue, delete (`docs/guarantees.md#one-way-out-of-pending`).
    async fn take(&self, upload: &Upload, created_at: DateTime<Utc>) -> PortResult<()> {
        let posted = ObjectKey::new_upload(&upload.id);
        let Some((info, bytes)) = self.fetch(&posted).await? else {
            // Gone without a row: a repeat of an event whose object was taken away by hand. There is nothing to go on from.
            tracing::warn!(upload_id = %upload.id, "the object of an upload no longer exists");
            metrics::counter!("labelcast_ingest_ignored_total").increment(1);
            return Ok(());
        };
        let accepted = match self.accept(bytes, created_at).await? {
            Ok(accepted) => accepted,
            Err(rejection) => return self.reject(upload, &posted, &info, &rejection).await,
        };
        let files = ImageFiles { image_id: accepted.image.id, generation: Some(upload.id.clone()) };
        if !self.objects.copy_if_unchanged(&posted, &info.etag, &ObjectKey::processed(&files)).await? {
            return Err(PortError::Unavailable {
                what: "an uploaded object",
                why: "it was replaced while being checked".to_owned(),
            });
        }
        let kind = accepted.image.content_type.media_type();
        let (original, thumbnail) = (ObjectKey::original(&files), ObjectKey::thumbnail(&files));
        tokio::try_join!(
            self.objects.write(&original, kind, accepted.original),
            self.objects.write(&thumbnail, ImageType::Jpeg.media_type(), accepted.thumbnail),
        )?;
        let Some(image) = self.images.attach(&accepted.image, &upload.id).await? else {
            tracing::info!(upload_id = %upload.id, "an upload had already left `pending`; ignored what was posted later");
            return self.clear(&upload.id).await;
        };
        self.begin_analysis(upload, &image).await?;
        if image.files() == files {
            return self.objects.delete(&posted).await;
        }
        // These bytes were there already, with files of their own.
        for key in ObjectKey::all_of(&files) {
            self.objects.delete(&key).await?;
        }
        self.objects.delete(&posted).await
    }

    /// Deletes what an upload wrote that is of no use, and what was posted. `new/` goes last: while it is there, a repeat
    /// comes here again.
    async fn clear(&self, upload: &UploadId) -> PortResult<()> {
        let Self { images, uploads, objects, .. } = self.clone();
        Leftovers { images, uploads, objects }.delete_of(upload).await?;
        self.objects.delete(&ObjectKey::new_upload(upload)).await
    }

    /// Goes on from the row that an earlier run wrote, whether or not that run came to deleting `new/`.
    async fn go_on(&self, upload: &Upload) -> PortResult<()> {
        let posted = ObjectKey::new_upload(&upload.id);
        let object = self.fetch(&posted).await?;
        let unfinished = match (&object, upload.state) {
            // Other bytes are a later post to the same form, which is ignored.
            (Some((_, bytes)), _) => upload.image_id == Some(image_id(bytes)),
            (None, state) => state == UploadState::Received,
        };
        if let (true, Some(image_id)) = (unfinished, &upload.image_id)
            && let Some(image) = self.images.get(image_id).await?
        {
            self.begin_analysis(upload, &image).await?;
        }
        self.clear(&upload.id).await
    }

    /// Tells the uploader, and queues the analysis; an image that has its result is told at once instead.
    async fn begin_analysis(&self, upload: &Upload, image: &Image) -> PortResult<()> {
        let reference = UploadRef { upload_id: upload.id.clone(), user: upload.user.clone() };
        let received = BusEvent::UploadReceived { upload: reference.clone() };
        if image.result.is_some() {
            // The state is read after the upload was attached: if `index` stored it in between, it told this upload
            // too, under the same id, which is no harm (`docs/guarantees.md#one-event-per-upload`).
            let first = image.uploads.first().is_some_and(|made_by| made_by.upload_id == upload.id);
            let labelled = BusEvent::ImageLabelled { image_id: image.id, upload: reference, first };
            return self.bus.publish_all(&[received, labelled]).await;
        }
        self.bus.publish_all(&[received]).await?;
        self.queue.send(&AnalysisJob { image_id: image.id, content_type: image.content_type }).await
    }

    /// Reads an object whole, up to what the form allowed.
    async fn fetch(&self, key: &ObjectKey) -> PortResult<Option<(ObjectInfo, Bytes)>> {
        let Some(object) = self.objects.read(key).await? else { return Ok(None) };
        let bound = usize::try_from(self.settings.max_upload_bytes).unwrap_or(usize::MAX);
        object.whole(bound).await.map(Some)
    }

    /// Looks at the bytes, apart from the other work and within the memory budget.
    async fn accept(&self, bytes: Bytes, created_at: DateTime<Utc>) -> PortResult<Result<Accepted, Rejection>> {
        let detector = self.detector.clone();
        let look = move |file: &PictureFile| accept(file, created_at, detector.as_deref());
        match self.decoding.run(bytes, |_| WORKING_SIDE, look).await {
            Ok(accepted) => Ok(Ok(accepted)),
            Err(DecodingError::Rejected(rejection)) => Ok(Err(rejection)),
            Err(DecodingError::Failed(why)) => Err(PortError::Failed { what: "decoding a picture", why }),
        }
    }

    async fn reject(
        &self,
        upload: &Upload,
        posted: &ObjectKey,
        info: &ObjectInfo,
        rejection: &Rejection,
    ) -> PortResult<()> {
        let reason = rejection.to_string();
        self.objects.copy_if_unchanged(posted, &info.etag, &ObjectKey::rejected(&upload.id)).await?;
        if self.uploads.reject(&upload.id, &reason).await? {
            metrics::counter!("labelcast_uploads_rejected_total").increment(1);
            tracing::info!(upload_id = %upload.id, reason, "rejected an upload");
        } else if self.uploads.get(&upload.id).await?.is_none_or(|now| now.state != UploadState::Rejected) {
            // It had failed, or another picture was taken first.
            return self.objects.delete(posted).await;
        }
        self.notify_rejected(upload, reason).await?;
        self.objects.delete(posted).await
    }

    /// An earlier run wrote the row; while the same object is still there, it may not have told the uploader.
    async fn reject_again(&self, upload: &Upload) -> PortResult<()> {
        let (posted, rejected) = (ObjectKey::new_upload(&upload.id), ObjectKey::rejected(&upload.id));
        let (here, kept) = tokio::try_join!(self.objects.head(&posted), self.objects.head(&rejected))?;
        // Kept for some days only.
        if here.is_some() && (kept.is_none() || here == kept) {
            self.notify_rejected(upload, upload.reason.clone().unwrap_or_default()).await?;
        }
        self.clear(&upload.id).await
    }

    async fn notify_rejected(&self, upload: &Upload, reason: String) -> PortResult<()> {
        let upload = UploadRef { upload_id: upload.id.clone(), user: upload.user.clone() };
        self.bus.publish_all(&[BusEvent::UploadRejected { upload, reason }]).await
    }
}

fn image_id(bytes: &[u8]) -> ImageId {
    let sha256 = digest::digest(&digest::SHA256, bytes);
    ImageId::from_digest(sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

/// Everything that is made of a picture, from one decoding of it.
fn accept(
    file: &PictureFile,
    created_at: DateTime<Utc>,
    detector: Option<&dyn Detector>,
) -> Result<Accepted, Rejection> {
    let probe = file.probe();
    let original = file.without_private_metadata()?;
    let picture = imaging::decode(&original, probe, WORKING_SIDE)?;
    let thumbnail = imaging::thumbnail(&picture, file.orientation());
    let id = image_id(file.bytes());
    if let Some(detector) = detector {
        detector.prepare(&id, file, &picture);
    }
    let image = NewImage {
        id,
        content_type: probe.content_type,
        size: file.bytes().len() as u64,
        width: probe.width,
        height: probe.height,
        uploaded_at: created_at,
    };
    Ok(Accepted { image, original, thumbnail: thumbnail.into() })
}
