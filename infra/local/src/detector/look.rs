use std::sync::Arc;

use async_trait::async_trait;
use labelcast_functions::imaging::DynamicImage;
use labelcast_functions::model::{Confidence, Detection, Source};
use labelcast_functions::ports::DetectorError;

/// A detector that looks at pixels, and at nothing else of a picture.
#[async_trait]
pub trait Look: Send + Sync {
    /// Its name, which every label of its carries.
    fn source(&self) -> &Source;

    /// From which confidence on a moderation label counts, unless an operator's rule says otherwise; none by default.
    fn moderation_minimum(&self) -> Confidence {
        Confidence::ZERO
    }

    /// What people should know of it, if it does not work for the time being.
    fn notice(&self) -> Option<String> {
        None
    }

    /// Says what a picture shows: seen the right way up, without alpha, at most
    /// [`WORKING_SIDE`](labelcast_functions::imaging::WORKING_SIDE) pixels on its longer side. Labels are cut by its own minimum.
    async fn look(&self, picture: Arc<DynamicImage>) -> Result<Detection, DetectorError>;
}
