//! Images, their labels, and the index over them.

mod attach;
mod candidates;
mod labels;
mod remove;
mod results;
mod rows;
mod terms;

use async_trait::async_trait;
use labelcast_functions::model::{Analysis, Image, ImageId, Position, Status, UploadId, UserId};
use labelcast_functions::ports::{Audience, Images, LabelCount, NewImage, PortResult, QueuePage, Removal};
use labelcast_functions::query::{Candidates, Conjunction};

use crate::database::Database;

/// Images in the database.
#[derive(Clone)]
pub struct SqliteImages {
    database: Database,
}

impl SqliteImages {
    /// In this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// An [`Audience`] that can be taken along to another thread.
struct Looking {
    moderator: bool,
    user: Option<UserId>,
}

impl Looking {
    fn of(audience: Audience<'_>) -> Self {
        Self { moderator: matches!(audience, Audience::Moderator(_)), user: audience.user().cloned() }
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
        self.database.write(move |group| results::store(group, &id, &analysis)).await
    }

    async fn get(&self, id: &ImageId) -> PortResult<Option<Image>> {
        let id = *id;
        self.database.read(move |connection| rows::by_id(connection, &id)).await
    }

    async fn get_many(&self, ids: &[ImageId]) -> PortResult<Vec<Image>> {
        let ids = ids.to_vec();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.database
            .read(move |connection| ids.iter().filter_map(|id| rows::by_id(connection, id).transpose()).collect())
            .await
    }

    async fn candidates(
        &self,
        conjunction: &Conjunction,
        audience: Audience<'_>,
        before: Position,
        limit: usize,
    ) -> PortResult<Candidates<Image>> {
        let (conjunction, looking) = (conjunction.clone(), Looking::of(audience));
        self.database.read(move |connection| candidates::find(connection, &conjunction, &looking, before, limit)).await
    }

    async fn labels(&self, prefix: &str, audience: Audience<'_>, limit: usize) -> PortResult<Vec<LabelCount>> {
        let (prefix, looking) = (prefix.to_owned(), Looking::of(audience));
        self.database.read(move |connection| labels::labels(connection, &prefix, &looking, limit)).await
    }

    async fn with_status(&self, status: Status, after: Option<Position>, limit: usize) -> PortResult<QueuePage> {
        self.database.read(move |connection| rows::with_status(connection, status, after, limit)).await
    }

    async fn remove(&self, id: &ImageId, only_uploader: Option<&UserId>) -> PortResult<Removal> {
        let (id, only_uploader) = (*id, only_uploader.cloned());
        self.database.write(move |group| remove::remove(group, &id, only_uploader.as_ref())).await
    }
}
