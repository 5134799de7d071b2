//! The functions behind the table of jobs.

use async_trait::async_trait;
use labelcast_functions::images::{Analyze, AnalyzeError, Failed, Index, Ingest};
use labelcast_functions::live::Notify;
use labelcast_functions::model::{Event, JobRequest, NewObject};
use labelcast_functions::ports::{PortError, PortResult};

use super::provider::LocalProvider;
use crate::jobs::{Cause, Dispatcher, Failure, Job, JobHandler, Kind, Outcome, Reservation, Target};
use crate::objects::ObjectCreated;
use crate::progress::Progress;

pub(super) struct JobFunctions {
    ingest: Ingest,
    analyze: Analyze,
    index: Index,
    notify: Notify,
    failed: Failed,
    progress: [Progress; 2],
}

impl JobFunctions {
    pub(super) fn new(provider: &LocalProvider, progress: [Progress; 2]) -> Self {
        Self {
            ingest: provider.make(),
            analyze: provider.make(),
            index: provider.make(),
            notify: provider.make(),
            failed: provider.make(),
            progress,
        }
    }
}

/// What a failure of a port says of the job: on one machine, what does not answer now does not answer for any job.
fn failure(error: &PortError) -> Failure {
    let cause = match error {
        PortError::Full { .. } | PortError::Unavailable { .. } | PortError::Overloaded { .. } => Cause::Outage,
        PortError::Failed { .. } => Cause::Job,
    };
    Failure { message: error.to_string(), cause }
}

fn analysis_failure(error: &AnalyzeError) -> Failure {
    match error {
        AnalyzeError::Port(error) => failure(error),
        AnalyzeError::Detector(error) => Failure { message: error.to_string(), cause: Cause::Job },
    }
}

/// What is asked, unless the row does not say.
fn request(job: &Job) -> Result<&JobRequest, Failure> {
    job.request.as_ref().map_err(|error| error.to_string().into())
}

impl JobFunctions {
    async fn one(&self, job: &Job) -> Outcome {
        let done = match request(job)? {
            JobRequest::Ingest(object) => self.ingest.handle(object.clone()).await,
            JobRequest::Index(request) => self.index.handle(request.clone()).await,
            JobRequest::Notify(event) => self.notify.handle(event.clone()).await,
            JobRequest::Analyze(analysis) => {
                let done = self.analyze.handle(analysis, job.attempt).await;
                return done.map_err(|error| analysis_failure(&error));
            }
        };
        done.map_err(|error| failure(&error))
    }

    /// Notifications are written and pushed together.
    async fn notify_all(&self, jobs: &[Job]) -> Outcome {
        let event = |job| match request(job)? {
            JobRequest::Notify(event) => Ok(event.clone()),
            _ => Err(Failure::from("only notifications come several at once".to_owned())),
        };
        let events: Result<Vec<Event>, Failure> = jobs.iter().map(event).collect();
        self.notify.handle_all(events?).await.map_err(|error| failure(&error))
    }
}

#[async_trait]
impl JobHandler for JobFunctions {
    async fn run(&self, _: Target, jobs: &[Job]) -> Vec<Outcome> {
        match jobs {
            [job] => vec![self.one(job).await],
            jobs => vec![self.notify_all(jobs).await; jobs.len()],
        }
    }

    fn progress(&self) -> u64 {
        self.progress.iter().map(Progress::reached).sum()
    }

    async fn on_exhausted(&self, job: &Job) -> Outcome {
        match &job.request {
            Ok(request) => self.failed.handle(request.clone()).await.map_err(|error| failure(&error)),
            Err(error) => {
                tracing::warn!(id = job.id, %error, "the recipients of a job are unknown; nobody is notified");
                metrics::counter!("labelcast_given_up_ignored_total").increment(1);
                Ok(())
            }
        }
    }
}

/// A created object is a job for `ingest`.
pub(super) struct IngestOnCreation(pub(super) Dispatcher);

#[async_trait]
impl ObjectCreated for IngestOnCreation {
    fn reserve(&self) -> PortResult<Reservation> {
        self.0.admit(Kind::Pictures, 1)
    }

    async fn created(&self, admitted: Reservation, object: NewObject) -> PortResult<()> {
        self.0.accept_admitted(vec![admitted], vec![JobRequest::Ingest(object).into()]).await
    }
}
