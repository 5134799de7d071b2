//! The port `Detector`, with the detector that is built in.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use labelcast_functions::model::{Detection, ImageId, ImageType};
use labelcast_functions::ports::{Detector, DetectorError, ObjectKey, Objects};

use crate::detector::builtin;
use crate::objects::FileObjects;

/// Looks at the stored bytes, apart from the other work.
#[derive(Clone)]
pub struct BuiltinDetector {
    objects: FileObjects,
}

impl BuiltinDetector {
    /// For the images among these objects.
    pub fn new(objects: FileObjects) -> Self {
        Self { objects }
    }
}

#[async_trait]
impl Detector for BuiltinDetector {
    async fn detect(&self, image: &ImageId, _content_type: ImageType) -> Result<Detection, DetectorError> {
        let unavailable = |why: String| DetectorError::Unavailable(why);
        let object =
            self.objects.read(&ObjectKey::processed(image)).await.map_err(|error| unavailable(error.to_string()))?;
        let object = object.ok_or_else(|| DetectorError::Unreadable("its bytes are gone".to_owned()))?;
        // What lies there was bounded when it was taken.
        let bytes = object
            .bytes
            .try_fold(Vec::new(), |mut whole, part| async move {
                whole.extend_from_slice(&part);
                Ok(whole)
            })
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        tokio::task::spawn_blocking(move || builtin::detect(&bytes))
            .await
            .map_err(|error| unavailable(error.to_string()))?
            .map_err(|error| DetectorError::Unreadable(error.to_string()))
    }
}
