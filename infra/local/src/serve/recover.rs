//! Takes up objects that a form made and that have no job: the process ended between the two, or could not write the job.

use labelcast_functions::ports::{MAX_LISTED, ObjectKey, Objects, PortResult};

use crate::database::Database;
use crate::objects::{FileObjects, created_event};
use crate::work::{Dispatcher, Target, keys_with_job};

/// What is needed to find them.
pub(super) struct Recovery {
    pub(super) database: Database,
    pub(super) objects: FileObjects,
}

impl Recovery {
    /// Once, when serving begins; a failure is logged, as what cannot be found now is found when serving begins again.
    pub(super) async fn run(&self, dispatcher: &Dispatcher) {
        match self.give_jobs(dispatcher).await {
            Ok(0) => {}
            Ok(found) => {
                tracing::warn!(
                    found,
                    "took up uploaded objects that had no job: the last run ended before they got one"
                );
            }
            Err(error) => tracing::error!(%error, "uploaded objects without a job could not be looked for"),
        }
    }

    /// Gives a job to each object under `new/` that has none; answers how many. A job too many is harmless: `ingest` sees what
    /// became of the upload.
    async fn give_jobs(&self, jobs: &Dispatcher) -> PortResult<usize> {
        let (known, mut after, mut found) = (keys_with_job(&self.database).await?, None, 0);
        loop {
            let listed = self.objects.list(ObjectKey::NEW, after.as_deref()).await?;
            for object in listed.iter().filter(|object| !known.contains(&object.key)) {
                // Gone since, or cut short: that one no job could take.
                let Ok(Some(info)) = self.objects.head(&ObjectKey::listed(object)).await else { continue };
                let event = created_event(&self.objects, None, &object.key, &info);
                // It was accepted, so it is not refused however much waits.
                jobs.accept(vec![(Target::Ingest, event.to_string())]).await?;
                metrics::counter!("labelcast_objects_recovered_total").increment(1);
                found += 1;
            }
            match listed.last() {
                Some(last) if listed.len() == MAX_LISTED => after = Some(last.key.clone()),
                _ => return Ok(found),
            }
        }
    }
}
