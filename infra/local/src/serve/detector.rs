//! The port `Detector`, with the detector that is built in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use labelcast_functions::images::{Decoding, DecodingError};
use labelcast_functions::imaging::{DynamicImage, Probe, WORKING_SIDE};
use labelcast_functions::model::{Detection, ImageFiles, ImageId, ImageType};
use labelcast_functions::ports::{Detector, DetectorError, ObjectKey, Objects};

use crate::detector::builtin;
use crate::objects::FileObjects;

/// Results that wait for their job at most. What is pushed out is found again from the stored bytes.
const MAX_PREPARED: usize = 256;

/// Looks at the stored bytes, apart from the other work, unless the picture was looked at when it was decoded before.
#[derive(Clone)]
pub struct BuiltinDetector {
    objects: FileObjects,
    decoding: Decoding,
    prepared: Arc<Mutex<VecDeque<(ImageId, Detection)>>>,
}

impl BuiltinDetector {
    /// For the images among these objects.
    pub fn new(objects: FileObjects, decoding: Decoding) -> Self {
        Self { objects, decoding, prepared: Arc::default() }
    }

    fn take_prepared(&self, image: &ImageId) -> Option<Detection> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let place = prepared.iter().position(|(prepared, _)| prepared == image)?;
        prepared.remove(place).map(|(_, detection)| detection)
    }
}

#[async_trait]
impl Detector for BuiltinDetector {
    async fn detect(&self, image: &ImageFiles, _content_type: ImageType) -> Result<Detection, DetectorError> {
        if let Some(detection) = self.take_prepared(&image.image_id) {
            return Ok(detection);
        }
        let unavailable = |why: String| DetectorError::Unavailable(why);
        let object =
            self.objects.read(&ObjectKey::processed(image)).await.map_err(|error| unavailable(error.to_string()))?;
        let object = object.ok_or_else(|| DetectorError::Unreadable("its file no longer exists".to_owned()))?;
        // What lies there was bounded when it was taken.
        let bytes = object
            .bytes
            .try_fold(Vec::new(), |mut whole, part| async move {
                whole.extend_from_slice(&part);
                Ok(whole)
            })
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        self.decoding.run(bytes.into(), |_| WORKING_SIDE, builtin::detect_probed).await.map_err(|error| match error {
            DecodingError::Rejected(rejection) => DetectorError::Unreadable(rejection.to_string()),
            DecodingError::Failed(why) => unavailable(why),
        })
    }

    fn prepare(&self, image: &ImageId, bytes: &[u8], probe: &Probe, picture: &DynamicImage) {
        let detection = builtin::examine(bytes, probe, picture);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|(other, _)| other != image);
        prepared.push_back((*image, detection));
        if prepared.len() > MAX_PREPARED {
            prepared.pop_front();
        }
    }
}
