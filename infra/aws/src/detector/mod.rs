//! The detector on Amazon Rekognition.

mod read;
mod webp;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::{
    DetectLabelsFeatureName, DetectLabelsImageProperties, DetectLabelsImagePropertiesSettings, DetectLabelsSettings,
    Image, S3Object,
};
use labelcast_functions::images::Decoding;
use labelcast_functions::model::{Confidence, Detection, ImageFiles, ImageType};
use labelcast_functions::ports::{Detector, DetectorError, ObjectKey, Objects};
use labelcast_functions::settings::ModerationRules;

/// Errors that the same picture meets again (API reference: retry only throttles and internal errors).
const FINAL: [&str; 5] = [
    "ImageTooLargeException",
    "InvalidImageFormatException",
    "InvalidParameterException",
    "InvalidS3ObjectException",
    "AccessDeniedException",
];
/// Labels requested: more than are kept, since some are below the wanted confidence.
const MAX_LABELS: i32 = 50;
/// Dominant colours that are requested.
const MAX_COLORS: i32 = 10;

/// Amazon Rekognition, looking at the objects of one bucket.
#[derive(Clone)]
pub struct Rekognition {
    client: Client,
    bucket: String,
    objects: Arc<dyn Objects>,
    decoding: Decoding,
    /// Nothing below is requested.
    min_confidence: Confidence,
    /// They may want moderation labels from another confidence on.
    rules: ModerationRules,
}

impl Rekognition {
    /// `objects` are the bucket's, for pictures that have to be converted first, which `decoding` does.
    pub fn new(
        client: Client,
        bucket: impl Into<String>,
        objects: Arc<dyn Objects>,
        decoding: Decoding,
        min_confidence: Confidence,
        rules: ModerationRules,
    ) -> Self {
        Self { client, bucket: bucket.into(), objects, decoding, min_confidence, rules }
    }

    /// By the object where Rekognition reads its kind, by its bytes where not.
    async fn image(&self, image: &ImageFiles, content_type: ImageType) -> Result<Image, DetectorError> {
        let key = ObjectKey::processed(image);
        Ok(match content_type {
            ImageType::Jpeg | ImageType::Png => {
                let object = S3Object::builder().bucket(&self.bucket).name(key.as_str()).build();
                Image::builder().s3_object(object).build()
            }
            ImageType::WebP => {
                let jpeg = webp::as_jpeg(&*self.objects, &self.decoding, &key).await?;
                Image::builder().bytes(Blob::new(jpeg)).build()
            }
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a percentage with two digits after the point")]
fn percent(confidence: Confidence) -> f32 {
    confidence.percent() as f32
}

fn detector_error<E, R>(error: &SdkError<E, R>) -> DetectorError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let why = DisplayErrorContext(error).to_string();
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code) if FINAL.contains(&code) => DetectorError::Unreadable(why),
        _ => DetectorError::Unavailable(why),
    }
}

#[async_trait]
impl Detector for Rekognition {
    async fn detect(&self, image: &ImageFiles, content_type: ImageType) -> Result<Detection, DetectorError> {
        let image = self.image(image, content_type).await?;
        let colors = DetectLabelsImagePropertiesSettings::builder().max_dominant_colors(MAX_COLORS).build();
        let labels = self
            .client
            .detect_labels()
            .image(image.clone())
            .max_labels(MAX_LABELS)
            .min_confidence(percent(self.min_confidence))
            .features(DetectLabelsFeatureName::GeneralLabels)
            .features(DetectLabelsFeatureName::ImageProperties)
            .settings(DetectLabelsSettings::builder().image_properties(colors).build())
            .send();
        let lowest = percent(self.rules.lowest(self.min_confidence));
        let moderation = self.client.detect_moderation_labels().image(image).min_confidence(lowest).send();
        let (labels, moderation) = tokio::join!(labels, moderation);
        let labels = labels.map_err(|error| detector_error(&error))?;
        let moderation = moderation.map_err(|error| detector_error(&error))?;
        let properties: Option<&DetectLabelsImageProperties> = labels.image_properties();
        Ok(Detection {
            labels: labels.labels().iter().filter_map(read::label).collect(),
            moderation: self.rules.sure(
                moderation.moderation_labels().iter().filter_map(read::moderation_label).collect(),
                self.min_confidence,
            ),
            colors: properties
                .into_iter()
                .flat_map(DetectLabelsImageProperties::dominant_colors)
                .filter_map(read::color)
                .collect(),
            failed: Vec::new(),
        })
    }
}
