//! Images, and the index by which they are found.
//!
//! Every image with a result has a number; a higher one is newer. Every term (a label, an uploader, `is:offensive`, and
//! one that all images have) has its postings: the numbers of the images that have it. A search walks the postings of
//! its rarest term and seeks in the others, so that its cost follows the rarest, within a bound.

mod attach;
mod candidates;
mod conjunction;
mod index;
mod labels;
mod listing;
mod postings;
mod removal;
mod results;
mod rows;
mod term;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Analysis, Audience, Image, ImageFiles, ImageId, Position, Status, UploadId, UserId};
use labelcast_functions::ports::{Images, LabelCount, NewImage, PortResult, QueuePage, Removal};
use labelcast_functions::query::{Candidates, Conjunction};

use crate::database::Database;

/// Images, their index and their labels in the database of one machine.
#[derive(Clone)]
pub struct SqliteImages {
    database: Database,
}

impl SqliteImages {
    /// Images kept in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// [`Audience`], to be taken along to another thread.
#[derive(Clone)]
struct Viewer {
    sees_hidden: bool,
    user: Option<UserId>,
}

impl Viewer {
    fn audience(&self) -> Audience<'_> {
        let user = self.user.as_ref();
        if self.sees_hidden { Audience::Moderator(user) } else { Audience::Viewer(user) }
    }
}

impl From<Audience<'_>> for Viewer {
    fn from(audience: Audience<'_>) -> Self {
        Self { sees_hidden: audience.is_moderator(), user: audience.user().cloned() }
    }
}

#[async_trait]
impl Images for SqliteImages {
    async fn attach(&self, image: &NewImage, upload: &UploadId) -> PortResult<Option<Image>> {
        let (image, upload) = (image.clone(), upload.clone());
        self.database.write(move |group| attach::attach(group, &image, &upload)).await
    }

    async fn store_result(&self, id: &ImageId, analysis: &Analysis) -> PortResult<Option<Image>> {
        let (id, analysis) = (*id, analysis.clone());
        self.database.write(move |group| results::store(group, &id, analysis)).await
    }

    async fn get(&self, id: &ImageId) -> PortResult<Option<Image>> {
        let id = *id;
        self.database.read(move |connection| rows::by_id(connection, &id)).await.map(rows::without_key)
    }

    async fn get_many(&self, ids: &[ImageId]) -> PortResult<Vec<Image>> {
        let ids = ids.to_vec();
        self.database.read(move |connection| rows::several(connection, &ids)).await
    }

    async fn candidates(
        &self,
        conjunction: &Conjunction,
        audience: Audience<'_>,
        before: Position,
        limit: usize,
    ) -> PortResult<Candidates<Image>> {
        let (conjunction, viewer) = (conjunction.clone(), audience.into());
        self.database
            .search(move |connection| candidates::candidates(connection, &conjunction, &viewer, before, limit))
            .await
    }

    async fn labels(&self, prefix: &str, audience: Audience<'_>, limit: usize) -> PortResult<Vec<LabelCount>> {
        let (prefix, viewer) = (prefix.to_owned(), Viewer::from(audience));
        self.database.search(move |connection| labels::labels(connection, &prefix, viewer.sees_hidden, limit)).await
    }

    async fn with_status(&self, status: Status, after: Option<Position>, limit: usize) -> PortResult<QueuePage> {
        self.database.search(move |connection| listing::with_status(connection, status, after, limit)).await
    }

    async fn remove(
        &self,
        image: &ImageFiles,
        uploaded_at: DateTime<Utc>,
        only_uploader: Option<&UserId>,
    ) -> PortResult<Removal> {
        let (image, only_uploader) = (image.clone(), only_uploader.cloned());
        self.database.write(move |group| removal::remove(group, &image, uploaded_at, only_uploader.as_ref())).await
    }
}
