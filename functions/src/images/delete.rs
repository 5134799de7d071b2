//! Deletes an image: moderators may, and its only uploader.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Audience, BusEvent, Caller, Image, ImageId, RemovalRequest, RemovedImage, UploadRef};
use crate::ports::{Bus, Images, Removal};

/// Deletes images on behalf of people.
#[derive(Clone)]
pub struct Delete {
    /// Reads images and takes requests for their removal.
    pub images: Arc<dyn Images>,
    /// Brings a deletion to its end and reports it, whatever happens here.
    pub bus: Arc<dyn Bus>,
}

impl Delete {
    /// Removes the row; the files follow, with `index`.
    pub async fn handle(&self, caller: &Caller, id: &ImageId) -> Result<()> {
        let none = || Error::not_found("no such image");
        let not_alone = || Error::forbidden("only moderators may delete an image that other users have uploaded too");
        let image = self.images.get(id).await?.ok_or_else(none)?;
        let only_uploader = if caller.is_moderator() { None } else { Some(&caller.user) };
        if only_uploader.is_some_and(|user| !image.is_only_uploaded_by(user)) {
            // Whoever may not even see it must not learn that it is there.
            return Err(if Audience::of(caller).sees(&image) { not_alone() } else { none() });
        }
        // Durable before anything is gone: if we are cut off now, `index` removes it and tells those who had seen it.
        let removal_requested = BusEvent::ImageRemovalRequested(RemovalRequest {
            image: removed(&image),
            only_uploader: only_uploader.cloned(),
        });
        self.bus.publish_all(&[removal_requested]).await?;
        if self.images.remove(&image.files(), image.uploaded_at, only_uploader).await? == Removal::SharedWithOthers {
            return Err(not_alone());
        }
        metrics::counter!("labelcast_images_deleted_total").increment(1);
        Ok(())
    }
}

fn removed(image: &Image) -> RemovedImage {
    let waiting = match image.result {
        Some(_) => Vec::new(),
        None => image
            .uploads
            .iter()
            .map(|one| UploadRef { upload_id: one.upload_id.clone(), user: one.user.clone() })
            .collect(),
    };
    RemovedImage {
        image_id: image.id,
        generation: image.generation.clone(),
        uploaded_at: image.uploaded_at,
        uploaders: image.uploads.iter().map(|upload| upload.user.clone()).collect(),
        was_public: image.is_public(),
        waiting,
    }
}
