//! Images, and the index by which they are found.
//!
//! An image's row says all that is known of it, and everything that changes it counts the row's version up. What an image
//! is found by (a label, the beginning of one, an uploader, a status) are its terms; each has a row a term, a posting, in
//! the order of the images' positions. A posting counts only if the image says that it stands there, so that one which
//! was left behind is harmless.
//!
//! Images get their positions from the clock shortly before they are stored. So one may be stored a moment after a newer
//! one, and a listing that has just passed that place shows it the next time only.

mod attach;
mod candidates;
mod counts;
mod listing;
mod plan;
mod position;
mod posting;
mod removal;
mod results;
mod row;
mod term;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Analysis, Audience, Image, ImageFiles, ImageId, Position, Status, UploadId, UserId};
use labelcast_functions::ports::{Images, LabelCount, NewImage, PortResult, QueuePage, Removal};
use labelcast_functions::query::{Candidates, Conjunction};

use self::position::Positions;
use self::row::ImageRow;
use super::Table;

/// Calls for one image at the same time.
const PARALLEL: usize = 8;

/// Images and the index over them.
#[derive(Debug, Clone)]
pub struct DynamoImages {
    table: Table,
    positions: Arc<Positions>,
}

impl DynamoImages {
    /// In this table, which must be the one of the uploads: they change together.
    pub fn new(table: Table) -> Self {
        Self { table, positions: Arc::default() }
    }
}

#[async_trait]
impl Images for DynamoImages {
    async fn attach(&self, image: &NewImage, upload: &UploadId) -> PortResult<Option<Image>> {
        attach::attach(&self.table, image, upload).await
    }

    async fn store_result(&self, id: &ImageId, analysis: &Analysis) -> PortResult<Option<Image>> {
        results::store(&self.table, &self.positions, id, analysis).await
    }

    async fn get(&self, id: &ImageId) -> PortResult<Option<Image>> {
        Ok(ImageRow::read(&self.table, id).await?.map(|row| row.image))
    }

    async fn get_many(&self, ids: &[ImageId]) -> PortResult<Vec<Image>> {
        row::read_many(&self.table, ids).await
    }

    async fn candidates(
        &self,
        conjunction: &Conjunction,
        audience: Audience<'_>,
        before: Position,
        limit: usize,
    ) -> PortResult<Candidates<Image>> {
        candidates::candidates(&self.table, conjunction, audience, before, limit).await
    }

    async fn labels(&self, prefix: &str, audience: Audience<'_>, limit: usize) -> PortResult<Vec<LabelCount>> {
        counts::labels(&self.table, prefix, audience, limit).await
    }

    async fn with_status(&self, status: Status, after: Option<Position>, limit: usize) -> PortResult<QueuePage> {
        listing::with_status(&self.table, status, after, limit).await
    }

    async fn remove(
        &self,
        image: &ImageFiles,
        uploaded_at: DateTime<Utc>,
        only_uploader: Option<&UserId>,
    ) -> PortResult<Removal> {
        removal::remove(&self.table, image, uploaded_at, only_uploader).await
    }
}
