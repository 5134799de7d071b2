//! Files that no image uses: what an `ingest` that came too late, or was cut off, has written.
//!
//! Files carry the upload that wrote them, and a row names the generation of its files. A row of a generation is made once,
//! while its upload may still attach; after that it can only go. So once an upload may attach no more, whatever it wrote
//! and its image does not name is left over, and stays so.

use std::sync::Arc;

use futures_util::TryStreamExt;

use crate::model::{ImageFiles, UploadId};
use crate::ports::{Images, ObjectKey, Objects, PortResult, Uploads, list_all};

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// An image's row names it.
    Used,
    /// An upload that is under way may have written it: it will be used, or be left over.
    Undecided,
    /// Nothing will ever use it.
    LeftOver,
}

/// Finds and deletes files that nothing uses.
#[derive(Clone)]
pub struct Leftovers {
    /// Rows name the files in use.
    pub images: Arc<dyn Images>,
    /// Rows say whether an upload is under way.
    pub uploads: Arc<dyn Uploads>,
    /// Deletes the files.
    pub objects: Arc<dyn Objects>,
}

impl Leftovers {
    /// What a file is used for.
    pub async fn use_of(&self, files: &ImageFiles) -> PortResult<FileUse> {
        // The upload first: one that may attach no more at this moment makes no row after it.
        let undecided = match &files.generation {
            Some(upload) => self.uploads.get(upload).await?.is_some_and(|upload| upload.may_attach()),
            None => false,
        };
        let used = self.images.get(&files.image_id).await?.is_some_and(|image| image.files() == *files);
        Ok(match (used, undecided) {
            (true, _) => FileUse::Used,
            (false, true) => FileUse::Undecided,
            (false, false) => FileUse::LeftOver,
        })
    }

    /// Deletes what an upload wrote and nothing uses; nothing while the upload may attach. Answers how many objects.
    pub async fn delete_of(&self, upload: &UploadId) -> PortResult<u64> {
        let mut deleted = 0;
        for prefix in ObjectKey::written_by(upload) {
            let mut listings = list_all(&*self.objects, &prefix);
            while let Some(listed) = listings.try_next().await? {
                for object in &listed {
                    let Some(files) = ObjectKey::files_of(&object.key) else { continue };
                    if files.generation.as_ref() == Some(upload) && self.use_of(&files).await? == FileUse::LeftOver {
                        self.objects.delete(&ObjectKey::listed(object)).await?;
                        deleted += 1;
                    }
                }
            }
        }
        if deleted > 0 {
            tracing::info!(%upload, deleted, "deleted orphaned files");
            metrics::counter!("labelcast_leftover_files_deleted_total").increment(deleted);
        }
        Ok(deleted)
    }
}
