//! The uploads that have a job waiting or running.

use std::collections::HashSet;

use async_trait::async_trait;
use labelcast_functions::model::{ImageId, IndexRequest, JobRequest, Upload, UploadId};
use labelcast_functions::ports::{PortResult, UploadJobs};

use super::{Target, payload};
use crate::database::Database;

/// Queries the table of jobs by upload.
#[derive(Clone)]
pub struct UnfinishedJobs {
    database: Database,
}

impl UnfinishedJobs {
    /// The jobs of this database.
    pub fn new(database: &Database) -> Self {
        Self { database: database.for_jobs() }
    }
}

/// The uploads of all jobs. A job ends only once its successor is in the table, so a single query finds every unfinished
/// upload.
#[derive(Default)]
struct Subjects {
    /// Uploads not yet ingested, by id.
    uploads: HashSet<UploadId>,
    /// Of all uploads that wait for their result.
    images: HashSet<ImageId>,
}

#[async_trait]
impl UploadJobs for UnfinishedJobs {
    async fn unfinished(&self, uploads: &[Upload]) -> PortResult<HashSet<UploadId>> {
        let subjects = self
            .database
            .read(|connection| {
                let mut subjects = Subjects::default();
                let mut select =
                    connection.prepare_cached("SELECT payload FROM work WHERE target = ?1 AND dead_at IS NULL")?;
                for target in [Target::Ingest, Target::Analyze, Target::Index] {
                    let payloads = select.query_map([target.name()], |row| row.get::<_, String>(0))?;
                    for payload in payloads {
                        subjects.note(&payload?);
                    }
                }
                Ok(subjects)
            })
            .await?;
        let unfinished = uploads.iter().filter(|upload| subjects.concern(upload));
        Ok(unfinished.map(|upload| upload.id.clone()).collect())
    }
}

impl Subjects {
    fn note(&mut self, payload: &str) {
        match payload::read(payload) {
            Ok(JobRequest::Ingest(object)) => drop(self.uploads.insert(object.upload_id)),
            Ok(JobRequest::Analyze(job)) => drop(self.images.insert(job.image_id)),
            Ok(JobRequest::Index(IndexRequest::Store(analyzed))) => drop(self.images.insert(analyzed.image_id)),
            // None of these brings an upload on its way; one that cannot be read ends as a dead letter.
            Ok(JobRequest::Index(IndexRequest::Remove(_)) | JobRequest::Notify(_)) | Err(_) => {}
        }
    }

    fn concern(&self, upload: &Upload) -> bool {
        self.uploads.contains(&upload.id) || upload.image_id.as_ref().is_some_and(|id| self.images.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Utc;
    use labelcast_functions::model::{Analysis, AnalysisJob, ImageAnalyzed, ImageType, NewObject, UploadState};
    use labelcast_functions::system::{SystemClock, SystemRandom};

    use super::*;
    use crate::jobs::{Dispatcher, JobTable, NewJob};

    fn upload(id: &str, image: Option<u8>) -> Upload {
        Upload {
            id: id.parse().unwrap(),
            user: "anna".parse().unwrap(),
            name: "cat.jpg".to_owned(),
            state: if image.is_some() { UploadState::Received } else { UploadState::Pending },
            image_id: image.map(|number| ImageId::from_digest([number; 32])),
            reason: None,
            created_at: Utc::now(),
            detached: false,
        }
    }

    #[tokio::test]
    async fn an_upload_is_unfinished_until_its_last_job_is_done_or_dead_lettered() {
        let place = tempfile::tempdir().unwrap();
        let database = Database::open(place.path()).unwrap();
        let table = JobTable::new(&database);
        let dispatcher = Dispatcher::new(table.clone(), Arc::new(SystemClock), Arc::new(SystemRandom), 3, 100);
        let image = |number: u8| ImageId::from_digest([number; 32]);
        let analysis = Analysis::nothing(Utc::now());
        let jobs = [
            JobRequest::Ingest(NewObject { upload_id: "posted".parse().unwrap(), created_at: Utc::now() }),
            JobRequest::Analyze(AnalysisJob { image_id: image(1), content_type: ImageType::Png }),
            JobRequest::Index(IndexRequest::Store(ImageAnalyzed { image_id: image(2), analysis })),
        ];
        let jobs = jobs.map(NewJob::from);
        dispatcher.accept(jobs.into()).await.unwrap();
        let uploads =
            [upload("posted", None), upload("queued", Some(1)), upload("found", Some(2)), upload("lost", Some(3))];
        let unfinished = async || {
            let mut ids: Vec<String> = UnfinishedJobs::new(&database)
                .unfinished(&uploads)
                .await
                .unwrap()
                .into_iter()
                .map(|id| id.to_string())
                .collect();
            ids.sort();
            ids
        };
        assert_eq!(unfinished().await, ["found", "posted", "queued"]);
        table.dead_letter(2, 3, Utc::now(), "it failed".to_owned()).await.unwrap();
        assert_eq!(unfinished().await, ["found", "posted"]);
    }
}
