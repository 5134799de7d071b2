//! The picture, decoded once and made small: nothing after this looks at more than 800 x 800 pixels.

use std::io::Cursor;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};

use super::super::DetectorError;

/// Rule 21: a picture is at most 64 megapixels decoded.
const MAX_MEGAPIXELS: u64 = 64;
/// As `ingest` takes them.
const MAX_SIDE: u32 = 10_000;
/// 64 megapixels of the widest kind of pixel that is decoded (RGBA with 16 bits a channel), and as much again for the decoder.
const MAX_MEMORY: u64 = MAX_MEGAPIXELS * 1_000_000 * 8 * 2;

/// Long side of the copy that is searched for QR codes. A code smaller than about a twelfth of the picture is lost.
const LARGE_SIDE: u32 = 800;
/// Long side of the copy whose edges are measured: sharp means sharp at the size of a screen, whatever the camera.
const MEDIUM_SIDE: u32 = 512;
/// Long side of the copy whose colours and light are measured.
const SMALL_SIDE: u32 = 256;

/// What the measurements look at. Pictures are never made larger.
pub(super) struct Picture {
    pub(super) format: ImageFormat,
    /// As seen: after orientation.
    pub(super) width: u32,
    /// As seen: after orientation.
    pub(super) height: u32,
    /// At most 800 pixels a side.
    pub(super) grey: GrayImage,
    /// At most 512 pixels a side.
    pub(super) medium: GrayImage,
    /// At most 256 pixels a side.
    pub(super) small: RgbaImage,
}

impl Picture {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DetectorError> {
        let format = image::guess_format(bytes)?;
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::no_limits();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_MEGAPIXELS * 1_000_000 {
            return Err(DetectorError::TooLarge { width, height, max: MAX_MEGAPIXELS });
        }
        // Broken EXIF turns nothing.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let pixels = DynamicImage::from_decoder(decoder)?;
        let (width, height) = if lies_down(orientation) { (height, width) } else { (width, height) };

        let large = shrink(pixels, LARGE_SIDE);
        let grey = large.to_luma8();
        let medium = shrink(grey.clone().into(), MEDIUM_SIDE).into_luma8();
        let small = shrink(large, SMALL_SIDE).into_rgba8();
        Ok(Self { format, width, height, grey, medium, small })
    }
}

fn lies_down(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// Smaller without jagged edges, clear pixels without weight; a picture that is small enough stays as it is.
fn shrink(image: DynamicImage, side: u32) -> DynamicImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= side {
        return image;
    }
    let scaled = |length: u32| (length * side / longer).max(1);
    let mut smaller = DynamicImage::new(scaled(width), scaled(height), image.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Hamming));
    Resizer::new()
        .resize(&image, &mut smaller, &options)
        .expect("both have the same kind of pixel, and every kind that JPEG, PNG and WebP decode to can be resized");
    smaller
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;

    #[test]
    fn every_kind_of_pixel_that_is_decoded_can_be_made_smaller() {
        use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
        for kind in [L8, La8, Rgb8, Rgba8, L16, La16, Rgb16, Rgba16] {
            let smaller = shrink(DynamicImage::new(900, 300, kind), 90);
            assert_eq!((smaller.width(), smaller.height(), smaller.color()), (90, 30, kind));
        }
    }

    #[test]
    fn a_picture_keeps_its_shape_however_thin_it_is_and_is_never_made_larger() {
        let size = |width, height| shrink(DynamicImage::new_luma8(width, height), 100).dimensions();
        assert_eq!(size(10_000, 80), (100, 1));
        assert_eq!(size(80, 10_000), (1, 100));
        assert_eq!(size(60, 40), (60, 40));
    }
}
