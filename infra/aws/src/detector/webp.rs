//! Rekognition reads JPEG and PNG only.

use labelcast_functions::images::{Decoding, DecodingError};
use labelcast_functions::imaging;
use labelcast_functions::ports::{DetectorError, ObjectKey, Objects};

/// The picture under this key as a JPEG that is small enough to be sent along.
pub(super) async fn as_jpeg(
    objects: &dyn Objects,
    decoding: &Decoding,
    key: &ObjectKey,
) -> Result<Vec<u8>, DetectorError> {
    let unavailable = |error: &dyn std::fmt::Display| DetectorError::Unavailable(error.to_string());
    let object = objects.read(key).await.map_err(|error| unavailable(&error))?;
    let object = object.ok_or_else(|| DetectorError::Unreadable("its file no longer exists".to_owned()))?;
    // What lies there was bounded when it was taken.
    let (_, bytes) = object.whole(usize::MAX).await.map_err(|error| unavailable(&error))?;
    let jpeg = decoding.run(bytes, imaging::longest_for_detector, imaging::jpeg_for_detector).await;
    jpeg.map_err(|error| match error {
        DecodingError::Rejected(rejection) => DetectorError::Unreadable(rejection.to_string()),
        DecodingError::Failed(why) => DetectorError::Unavailable(why),
    })
}
