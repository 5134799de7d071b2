//! Images of which files are missing.

use labelcast_functions::model::{Image, ImageId};
use labelcast_functions::ports::{ObjectKey, Objects, PortResult};

use super::{Check, Finding, Kind};

/// Rows looked at in one go.
const PAGE: i64 = 1_000;

impl Check {
    pub(super) async fn images(&self) -> PortResult<Vec<Finding>> {
        let (mut after, mut found) = (0, Vec::new());
        loop {
            let page: Vec<(i64, [u8; 32])> = self
                .database
                .read(move |connection| {
                    let mut select =
                        connection.prepare_cached("SELECT key, id FROM images WHERE key > ?1 ORDER BY key LIMIT ?2")?;
                    select.query_map([after, PAGE], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
                })
                .await?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = *last;
            let ids: Vec<ImageId> = page.iter().map(|(_, digest)| ImageId::from_digest(*digest)).collect();
            for image in self.leftovers.images.get_many(&ids).await? {
                if let Some(key) = self.missing(&image).await? {
                    // It may have been deleted meanwhile: files go after the row.
                    let now = self.leftovers.images.get(&image.id).await?;
                    if now.is_some_and(|now| now.files() == image.files()) {
                        found.push(self.incomplete(&image, &key).await?);
                    }
                }
            }
        }
    }

    /// The first file of an image that is missing, or has not the size it should have.
    async fn missing(&self, image: &Image) -> PortResult<Option<ObjectKey>> {
        let files = image.files();
        for key in ObjectKey::all_of(&files) {
            // A file that is too short to be an object cannot be read.
            let size = self.objects.head(&key).await.ok().flatten().map(|info| info.size);
            let uploaded = key == ObjectKey::processed(&files);
            if size.is_none_or(|size| size == 0 || uploaded && size != image.size) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    async fn incomplete(&self, image: &Image, key: &ObjectKey) -> PortResult<Finding> {
        if self.repair {
            self.leftovers.images.remove(&image.files(), image.uploaded_at, None).await?;
            for key in ObjectKey::all_of(&image.files()) {
                self.objects.delete(&key).await?;
            }
        }
        let detail = match self.repair {
            true => format!("image {} could not be displayed and was removed; upload it again", image.id),
            false => format!("image {} cannot be displayed; restore a backup, or remove it with --repair", image.id),
        };
        Ok(Finding { kind: Kind::MissingFile, path: format!("objects/{key}"), detail, repaired: self.repair })
    }
}
