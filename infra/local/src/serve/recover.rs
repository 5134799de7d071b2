//! Takes up objects that a form made and that have no job: the process ended between the two, or could not write the job.

use std::sync::Arc;

use chrono::SubsecRound;
use futures_util::TryStreamExt;
use labelcast_functions::model::{JobRequest, NewObject};
use labelcast_functions::ports::{Clock, ObjectKey, Objects, PortResult, list_all};

use crate::database::Database;
use crate::jobs::{Dispatcher, keys_with_job};
use crate::objects::FileObjects;

/// What is needed to find them.
pub(super) struct Recovery {
    pub(super) database: Database,
    pub(super) objects: FileObjects,
    pub(super) clock: Arc<dyn Clock>,
}

impl Recovery {
    /// Once, when serving begins; a failure is logged, as what cannot be found now is found when serving begins again.
    pub(super) async fn run(&self, dispatcher: &Dispatcher) {
        match self.give_jobs(dispatcher).await {
            Ok(0) => {}
            Ok(found) => {
                tracing::warn!(
                    found,
                    "created jobs for uploaded objects that had none: the last run ended before it could"
                );
            }
            Err(error) => tracing::error!(%error, "the search for uploaded objects without a job failed"),
        }
    }

    /// Gives a job to each object under `new/` that has none; answers how many. A job too many is harmless: `ingest` sees what
    /// became of the upload.
    async fn give_jobs(&self, jobs: &Dispatcher) -> PortResult<usize> {
        let (known, mut found) = (keys_with_job(&self.database).await?, 0);
        let mut listings = list_all(&self.objects, ObjectKey::NEW);
        while let Some(listed) = listings.try_next().await? {
            for object in listed.iter().filter(|object| !known.contains(&object.key)) {
                // Gone since, or cut short: that one no job could take.
                let Ok(Some(_)) = self.objects.head(&ObjectKey::listed(object)).await else { continue };
                let Some(upload_id) = ObjectKey::upload_id(&object.key) else {
                    tracing::warn!(key = object.key, "an object that is not about an upload was passed over");
                    metrics::counter!("labelcast_ingest_ignored_total").increment(1);
                    continue;
                };
                let request = NewObject { upload_id, created_at: self.clock.now().trunc_subsecs(3) };
                // It was accepted, so it is not refused however much waits.
                jobs.accept(vec![JobRequest::Ingest(request).into()]).await?;
                metrics::counter!("labelcast_objects_recovered_total").increment(1);
                found += 1;
            }
        }
        Ok(found)
    }
}
