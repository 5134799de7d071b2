//! The files around the pixels, cleaned: what is needed to show a picture is kept, all else is dropped, known or not.

mod jpeg;
pub(super) mod png;
mod profile;
mod standard_tables;
pub(super) mod webp;

use image::metadata::Orientation;

use super::Rejection;
use crate::model::ImageType;

/// The same pixels bit for bit, with colour profile and orientation, and nothing else: no EXIF, GPS, XMP,
/// IPTC, comments, texts, times, maker notes, previews, further frames, nor bytes after the end of the picture.
///
/// Parts are kept by a list of what is known to be needed, so that what nobody has thought of is dropped too.
pub fn without_private_metadata(
    bytes: &[u8],
    content_type: ImageType,
    orientation: Orientation,
) -> Result<Vec<u8>, Rejection> {
    match content_type {
        ImageType::Jpeg => jpeg::cleaned(bytes, orientation),
        ImageType::Png => png::cleaned(bytes, orientation),
        ImageType::WebP => webp::cleaned(bytes, orientation),
    }
}

#[cfg(test)]
mod tests;
