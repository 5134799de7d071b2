//! `analyze`: asks the detector, decides, and puts the result on the bus.

use std::sync::Arc;

use super::decide;
use super::failed::notify_uploaders;
use crate::model::{AnalysisJob, BusEvent, Detection, ImageAnalyzed, ImageFiles, ImageType};
use crate::ports::{Bus, Clock, Detector, DetectorError, Images, PortError, Uploads};
use crate::settings::Settings;

/// The function `analyze` with the ports that it uses.
#[derive(Clone)]
pub struct Analyze {
    /// Says when a picture was labelled.
    pub clock: Arc<dyn Clock>,
    /// Looks at pictures and finds labels.
    pub detector: Arc<dyn Detector>,
    /// Finds the uploads to report a failure to.
    pub images: Arc<dyn Images>,
    /// Marks uploads as failed when the last attempt is over.
    pub uploads: Arc<dyn Uploads>,
    /// Brings the result to `index`.
    pub bus: Arc<dyn Bus>,
    /// Says which labels are kept, how many, and how many attempts there are.
    pub settings: Arc<Settings>,
}

/// Why an image was not analyzed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The detector could not look at it.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// A row could not be read, or the result not be published.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Analyze {
    /// Takes a job. `attempt` is the number of this attempt, from 1; 0 where the queue does not say.
    pub async fn handle(&self, job: &AnalysisJob, attempt: u32) -> Result<(), AnalyzeError> {
        let outcome = self.job(job).await;
        if let Err(error) = &outcome {
            metrics::counter!("labelcast_analysis_failures_total").increment(1);
            if attempt >= self.settings.max_attempts {
                // The last attempt speaks; the job becomes a dead letter all the same.
                let reason = format!("the picture could not be analyzed: {}", in_words(error));
                notify_uploaders(&*self.images, &*self.uploads, &*self.bus, &job.image_id, &reason).await?;
            }
        }
        outcome
    }

    async fn job(&self, job: &AnalysisJob) -> Result<(), AnalyzeError> {
        let Some(image) = self.images.get(&job.image_id).await? else {
            tracing::info!(image_id = %job.image_id, "the image of a job was deleted; nothing to analyze");
            return Ok(());
        };
        let analysis = match image.result {
            // A repeat: what is stored is published again, so that `index` notifies again.
            Some(stored) => stored.analysis,
            None => match self.detect(&image.files(), job.content_type).await {
                Ok(detection) => decide::analysis(detection, &self.settings, self.clock.now()),
                Err(error) => {
                    // Deleted meanwhile, its files are gone as well; if it has come again, that has a job of its own.
                    let now = self.images.get(&job.image_id).await?;
                    return match now.is_some_and(|now| now.files() == image.files()) {
                        true => Err(error.into()),
                        false => Ok(()),
                    };
                }
            },
        };
        let analyzed = ImageAnalyzed { image_id: job.image_id, analysis };
        self.bus.publish_all(&[BusEvent::ImageAnalyzed(analyzed)]).await?;
        Ok(())
    }

    /// A detector that hangs must fail within the function's own time, so that the last attempt can speak.
    async fn detect(&self, files: &ImageFiles, content_type: ImageType) -> Result<Detection, DetectorError> {
        let timeout = self.settings.detector_timeout;
        let late = |_| DetectorError::Unavailable(format!("timed out after {} s", timeout.as_secs()));
        tokio::time::timeout(timeout, self.detector.detect(files, content_type)).await.map_err(late)?
    }
}

/// What an uploader can use of it.
fn in_words(error: &AnalyzeError) -> String {
    match error {
        AnalyzeError::Detector(error) => error.to_string(),
        AnalyzeError::Port(_) => "internal error".to_owned(),
    }
}
