use async_trait::async_trait;

use crate::imaging::{DynamicImage, PictureFile};
use crate::model::{Detection, ImageFiles, ImageId, ImageType};

/// Why a detector gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
    /// Worth another try: throttled, out of reach, took too long.
    #[error("the detector did not respond: {0}")]
    Unavailable(String),
    /// The same picture will fail again.
    #[error("the detector cannot read this picture: {0}")]
    Unreadable(String),
}

/// Tells what a picture shows.
#[async_trait]
pub trait Detector: Send + Sync {
    /// Looks at the image stored under [`super::ObjectKey::processed`]. Returns everything it found; the caller selects.
    async fn detect(&self, image: &ImageFiles, content_type: ImageType) -> Result<Detection, DetectorError>;

    /// Gets a picture that was decoded for another purpose, so that [`Detector::detect`] need not decode it again: the
    /// uploaded file, and the pixels as stored, at least [`crate::imaging::WORKING_SIDE`] of them on the longer side if the
    /// picture has as many. Called on a thread that may block. A hint: nothing may depend on it.
    fn prepare(&self, _image: &ImageId, _file: &PictureFile, _picture: &DynamicImage) {}
}
