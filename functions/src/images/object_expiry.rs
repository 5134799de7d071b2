//! Expires objects where the bucket does not do so itself, and finds files that nothing uses, a few at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use futures_util::TryStreamExt;

use super::{FileUse, Leftovers};
use crate::model::{Image, ImageFiles};
use crate::ports::{ListedObject, ObjectKey, PortResult, list_all};
use crate::settings::Settings;

/// Between two looks at what expires: listing costs, and ages are days.
const BETWEEN_LOOKS: i64 = 60;
/// Objects of an upload that is under way are left for so many hours: no job takes that long.
const UNDECIDED_HOURS: i64 = 24;
/// Folders of images: two hex digits.
const FOLDERS: u32 = 256;

/// What is expired, and how far the search for left-over files has come.
#[derive(Clone)]
pub struct ObjectExpiry {
    leftovers: Leftovers,
    settings: Arc<Settings>,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Default)]
struct Progress {
    expired_at: Option<DateTime<Utc>>,
    folder: u32,
}

impl ObjectExpiry {
    /// Of these objects, after these times.
    pub fn new(leftovers: Leftovers, settings: Arc<Settings>) -> Self {
        Self { leftovers, settings, progress: Arc::default() }
    }

    /// Deletes what is due; answers how many objects. Each run looks through one folder of 256 for left-over files.
    pub async fn run(&self, now: DateTime<Utc>) -> PortResult<u64> {
        let (due, folder) = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            let due = progress.expired_at.is_none_or(|at| now - at >= Duration::minutes(BETWEEN_LOOKS));
            if due {
                progress.expired_at = Some(now);
            }
            let folder = progress.folder;
            progress.folder = (folder + 1) % FOLDERS;
            (due, folder)
        };
        let mut deleted = 0;
        if due {
            deleted += self.expire(ObjectKey::NEW, now - self.settings.new_kept).await?;
            deleted += self.expire(ObjectKey::REJECTED, now - self.settings.rejected_kept).await?;
        }
        let undecided_before = now - Duration::hours(UNDECIDED_HOURS);
        for place in ObjectKey::FILES {
            deleted += self.delete_left_over(&format!("{place}/{folder:02x}/"), undecided_before).await?;
        }
        Ok(deleted)
    }

    async fn expire(&self, place: &str, before: DateTime<Utc>) -> PortResult<u64> {
        let mut deleted = 0;
        let mut listings = list_all(&*self.leftovers.objects, place);
        while let Some(listed) = listings.try_next().await? {
            for object in listed.iter().filter(|object| object.modified < before) {
                self.leftovers.objects.delete(&ObjectKey::listed(object)).await?;
                metrics::counter!("labelcast_objects_expired_total").increment(1);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Deletes files in a folder that nothing uses.
    async fn delete_left_over(&self, folder: &str, undecided_before: DateTime<Utc>) -> PortResult<u64> {
        let mut deleted = 0;
        let mut listings = list_all(&*self.leftovers.objects, folder);
        while let Some(listed) = listings.try_next().await? {
            for (object, files) in self.leftovers.without_row(&listed).await? {
                let gone = match self.leftovers.use_of(&files).await? {
                    FileUse::Used => false,
                    FileUse::Undecided => object.modified < undecided_before,
                    FileUse::LeftOver => true,
                };
                if gone {
                    tracing::info!(key = object.key, "deleted an orphaned file");
                    self.leftovers.objects.delete(&ObjectKey::listed(object)).await?;
                    metrics::counter!("labelcast_leftover_files_deleted_total").increment(1);
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }
}

impl Leftovers {
    /// Those of these objects that are files of images and that no row named a moment ago.
    pub async fn without_row<'a>(&self, listed: &'a [ListedObject]) -> PortResult<Vec<(&'a ListedObject, ImageFiles)>> {
        let files = listed.iter().filter_map(|object| Some((object, ObjectKey::files_of(&object.key)?)));
        let mut files: Vec<(&ListedObject, ImageFiles)> = files.collect();
        let ids: Vec<_> = files.iter().map(|(_, files)| files.image_id).collect();
        let rows = self.images.get_many(&ids).await?;
        let used: HashSet<ImageFiles> = rows.iter().map(Image::files).collect();
        files.retain(|(_, files)| !used.contains(files));
        Ok(files)
    }
}
