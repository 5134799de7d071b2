//! The port `Detector`: all detectors that the operator chose, on one decoding of each picture.

mod prepared;
mod together;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use labelcast_functions::images::{Decoding, DecodingError};
use labelcast_functions::imaging::{self, DynamicImage, PictureFile, WORKING_SIDE};
use labelcast_functions::model::{Detection, ImageFiles, ImageId, ImageType};
use labelcast_functions::ports::{Detector, DetectorError, ObjectKey, Objects};
use labelcast_functions::settings::{ModerationRules, Settings};

use self::prepared::{Looked, Prepared};
use self::together::{Answer, reason, together};
use super::health::Check;
use crate::detector::{Chosen, Look, builtin};
use crate::objects::FileObjects;

/// Of the memory budget, what copies of pictures may take that wait for models: an eighth of it, beside it.
const SHARE_OF_PREPARED: u64 = 8;

/// What looks at pictures.
pub enum LooksAtPictures {
    /// The detectors that the operator chose.
    Chosen(Chosen),
    /// A test's own.
    Other(Arc<dyn Detector>),
}

impl LooksAtPictures {
    /// The port, and what says what people should know of it.
    pub(super) fn port(
        self,
        objects: &FileObjects,
        decoding: &Decoding,
        settings: &Settings,
    ) -> (Arc<dyn Detector>, Check) {
        match self {
            Self::Chosen(chosen) => {
                let detectors = Detectors::new(objects.clone(), decoding.clone(), chosen, settings);
                let chosen = detectors.chosen.clone();
                (Arc::new(detectors), Arc::new(move || chosen.notice()))
            }
            Self::Other(detector) => (detector, Arc::new(|| None)),
        }
    }
}

/// Asks all detectors about each picture, at once. Cheap to clone.
#[derive(Clone)]
struct Detectors {
    objects: FileObjects,
    decoding: Decoding,
    chosen: Arc<Chosen>,
    rules: ModerationRules,
    timeout: Duration,
    prepared: Arc<Prepared>,
}

impl Detectors {
    /// For the images among these objects.
    fn new(objects: FileObjects, decoding: Decoding, chosen: Chosen, settings: &Settings) -> Self {
        let prepared = Prepared::of_at_most(decoding.budget().bytes() / SHARE_OF_PREPARED);
        Self {
            objects,
            decoding,
            chosen: Arc::new(chosen),
            rules: settings.moderation.clone(),
            // One that hangs must be given up while there is time to label the picture without it.
            timeout: settings.detector_timeout * 3 / 4,
            prepared: Arc::new(prepared),
        }
    }

    fn look(chosen: &Chosen, file: &PictureFile, picture: &DynamicImage) -> Looked {
        let examined = chosen.builtin.as_ref().map(|options| builtin::examine(file, picture, options));
        let copy = || Arc::new(imaging::working_copy(picture, file.orientation()));
        Looked { examined, copy: (!chosen.others.is_empty()).then(copy) }
    }

    /// From the stored bytes, for a picture that was decoded too long ago, or before a restart.
    async fn decode(&self, image: &ImageFiles) -> Result<Looked, DetectorError> {
        let unavailable = |why: String| DetectorError::Unavailable(why);
        let object =
            self.objects.read(&ObjectKey::processed(image)).await.map_err(|error| unavailable(error.to_string()))?;
        let object = object.ok_or_else(|| DetectorError::Unreadable("its file no longer exists".to_owned()))?;
        // What lies there was bounded when it was taken.
        let (_, bytes) = object.whole(usize::MAX).await.map_err(|error| unavailable(error.to_string()))?;
        let chosen = self.chosen.clone();
        let look = move |file: &PictureFile| {
            let picture = imaging::decode(&file.without_private_metadata()?, file.probe(), WORKING_SIDE)?;
            Ok(Self::look(&chosen, file, &picture))
        };
        self.decoding.run(bytes, |_| WORKING_SIDE, look).await.map_err(|error| match error {
            DecodingError::Rejected(rejection) => DetectorError::Unreadable(rejection.to_string()),
            DecodingError::Failed(why) => unavailable(why),
        })
    }

    async fn ask(&self, detector: &dyn Look, picture: Arc<DynamicImage>) -> Answer {
        let late = |_| Err(DetectorError::Unavailable(format!("it took more than {} s", self.timeout.as_secs())));
        let answer = tokio::time::timeout(self.timeout, detector.look(picture)).await.unwrap_or_else(late);
        let minimum = detector.moderation_minimum();
        let answer = answer.map(|found| Detection { moderation: self.rules.sure(found.moderation, minimum), ..found });
        (detector.source().clone(), answer)
    }
}

#[async_trait]
impl Detector for Detectors {
    async fn detect(&self, image: &ImageFiles, _content_type: ImageType) -> Result<Detection, DetectorError> {
        let Looked { examined, copy } = match self.prepared.take(&image.image_id) {
            Some(looked) => looked,
            None => self.decode(image).await?,
        };
        let asked =
            copy.iter().flat_map(|copy| self.chosen.others.iter().map(|detector| self.ask(&**detector, copy.clone())));
        let answers = join_all(asked).await;
        for (source, error) in answers.iter().filter_map(|(source, answer)| Some((source, answer.as_ref().err()?))) {
            metrics::counter!("labelcast_labelled_without_total", "detector" => source.to_string()).increment(1);
            tracing::warn!(%source, reason = reason(error), image_id = %image.image_id, "a detector gave no answer about a picture");
        }
        together(examined, answers)
    }

    fn prepare(&self, image: &ImageId, file: &PictureFile, picture: &DynamicImage) {
        self.prepared.put(*image, Self::look(&self.chosen, file, picture));
    }
}
