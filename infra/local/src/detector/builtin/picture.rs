//! The picture, decoded once and made small: nothing after this looks at more than 800 x 800 pixels.

use std::borrow::Cow;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GenericImageView, GrayImage, RgbaImage};
use labelcast_functions::imaging::{Probe, WORKING_SIDE};

/// Long side of the copy that is searched for QR codes. A code smaller than about a twelfth of the picture is lost.
const LARGE_SIDE: u32 = WORKING_SIDE;
/// Long side of the copy whose edges are measured: sharp means sharp at the size of a screen, whatever the camera.
const MEDIUM_SIDE: u32 = 512;
/// Long side of the copy whose colours and light are measured.
const SMALL_SIDE: u32 = 256;

/// What the measurements look at. Pictures are never made larger.
pub(super) struct Picture {
    /// Width in pixels, after applying the orientation.
    pub(super) width: u32,
    /// Height in pixels, after applying the orientation.
    pub(super) height: u32,
    /// At most 800 pixels a side.
    pub(super) grey: GrayImage,
    /// At most 512 pixels a side.
    pub(super) medium: GrayImage,
    /// At most 256 pixels a side.
    pub(super) small: RgbaImage,
}

impl Picture {
    pub(super) fn of(decoded: &DynamicImage, probe: &Probe) -> Self {
        let large = shrink(decoded, LARGE_SIDE);
        let grey = large.to_luma8();
        let medium = shrink(&grey.clone().into(), MEDIUM_SIDE).to_luma8();
        let small = shrink(&large, SMALL_SIDE).to_rgba8();
        Self { width: probe.width, height: probe.height, grey, medium, small }
    }
}

/// Smaller without jagged edges, clear pixels without weight; a picture that is small enough stays as it is.
fn shrink(image: &DynamicImage, side: u32) -> Cow<'_, DynamicImage> {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= side {
        return Cow::Borrowed(image);
    }
    let scaled = |length: u32| (length * side / longer).max(1);
    let mut smaller = DynamicImage::new(scaled(width), scaled(height), image.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Hamming));
    Resizer::new()
        .resize(image, &mut smaller, &options)
        .expect("both have the same kind of pixel, and every kind that JPEG, PNG and WebP decode to can be resized");
    Cow::Owned(smaller)
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;

    #[test]
    fn every_decoded_pixel_format_can_be_reduced() {
        use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
        for kind in [L8, La8, Rgb8, Rgba8, L16, La16, Rgb16, Rgba16] {
            let large = DynamicImage::new(900, 300, kind);
            let smaller = shrink(&large, 90);
            assert_eq!((smaller.width(), smaller.height(), smaller.color()), (90, 30, kind));
        }
    }

    #[test]
    fn a_picture_keeps_its_aspect_ratio_and_is_never_enlarged() {
        let size = |width, height| shrink(&DynamicImage::new_luma8(width, height), 100).dimensions();
        assert_eq!(size(10_000, 80), (100, 1));
        assert_eq!(size(80, 10_000), (1, 100));
        assert_eq!(size(60, 40), (60, 40));
    }
}
