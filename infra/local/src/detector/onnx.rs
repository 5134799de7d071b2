//! A model in a directory.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use labelcast_detectors::{Inference, Model, OnnxDetector, State, Thresholds};
use labelcast_functions::imaging::DynamicImage;
use labelcast_functions::model::{Confidence, Detection, Source, SourceError};
use labelcast_functions::ports::DetectorError;
use labelcast_functions::settings::ModerationRules;

use super::look::Look;

/// A model that was opened and tried.
pub(super) struct ModelDetector {
    detector: OnnxDetector,
    source: Source,
    /// From which confidence on a moderation label counts, unless a rule says otherwise.
    moderation_minimum: Confidence,
}

impl ModelDetector {
    /// Opens a model and tries it. The rules may ask for moderation labels that its own threshold would leave out.
    ///
    /// # Errors
    /// Names file, field and cure, or says why its directory's name cannot stand in labels.
    pub(super) async fn load(directory: &Path, inference: &Inference, rules: &ModerationRules) -> Result<Self, String> {
        let model = Model::read(directory).map_err(|error| error.to_string())?;
        let source = model.name().parse().map_err(|error: SourceError| {
            format!("{}: {error}. Rename the directory, whose name its labels carry", directory.display())
        })?;
        let thresholds = model.thresholds();
        let moderation_minimum = thresholds.moderation;
        let model = model.with_thresholds(Thresholds { moderation: rules.lowest(moderation_minimum), ..thresholds });
        let detector = OnnxDetector::load(model, inference).await.map_err(|error| error.to_string())?;
        Ok(Self { detector, source, moderation_minimum })
    }
}

#[async_trait]
impl Look for ModelDetector {
    fn source(&self) -> &Source {
        &self.source
    }

    fn moderation_minimum(&self) -> Confidence {
        self.moderation_minimum
    }

    fn notice(&self) -> Option<String> {
        let off = || {
            format!(
                "The model {} is switched off, since it took too long twice: start again to try it again.",
                self.source
            )
        };
        (self.detector.state() == State::SwitchedOff).then(off)
    }

    async fn look(&self, picture: Arc<DynamicImage>) -> Result<Detection, DetectorError> {
        let mut found = self.detector.look(picture).await?;
        found.labels.iter_mut().for_each(|label| label.source = Some(self.source.clone()));
        found.moderation.iter_mut().for_each(|hit| hit.source = Some(self.source.clone()));
        Ok(found)
    }
}
