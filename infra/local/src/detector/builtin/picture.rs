//! The picture, decoded once and made small: nothing after this looks at more than 800 x 800 pixels.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GenericImageView, GrayImage, ImageBuffer, Luma, Pixel, Rgb, Rgba, RgbaImage};
use labelcast_functions::imaging::{Probe, WORKING_SIDE};

/// Pixels with 8 bits a channel.
type Buffer<P> = ImageBuffer<P, Vec<u8>>;

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

/// Smaller without jagged edges, clear pixels without weight, 8 bits a channel; a picture that is small enough stays as it is.
fn shrink(image: &DynamicImage, side: u32) -> Cow<'_, DynamicImage> {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= side {
        return Cow::Borrowed(image);
    }
    let scaled = |length: u32| (length * side / longer).max(1);
    let size = (scaled(width), scaled(height));
    Cow::Owned(match image {
        DynamicImage::ImageLuma8(grey) => resize::<Luma<u8>, U8>(grey, size).into(),
        DynamicImage::ImageRgb8(colours) => resize::<Rgb<u8>, U8x3>(colours, size).into(),
        DynamicImage::ImageRgba8(colours) => resize::<Rgba<u8>, U8x4>(colours, size).into(),
        other if other.color().has_alpha() => resize::<Rgba<u8>, U8x4>(&other.to_rgba8(), size).into(),
        other if other.color().has_color() => resize::<Rgb<u8>, U8x3>(&other.to_rgb8(), size).into(),
        other => resize::<Luma<u8>, U8>(&other.to_luma8(), size).into(),
    })
}

/// For one kind of pixel: the resizer's code for the kinds that nobody asks for is not linked, which is 3 MB.
fn resize<P, R>(image: &Buffer<P>, (width, height): (u32, u32)) -> Buffer<P>
where
    P: Pixel<Subpixel = u8>,
    R: PixelTrait,
{
    let mut smaller = ImageBuffer::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Hamming));
    let from = TypedImageRef::<R>::from_buffer(image.width(), image.height(), image);
    let into = TypedImage::<R>::from_buffer(width, height, &mut smaller);
    from.and_then(|from| Ok(Resizer::new().resize_typed(&from, &mut into?, &options)))
        .expect("a buffer of bytes has its size and needs no alignment")
        .expect("no part is cut out, and no side is 0");
    smaller
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;

    #[test]
    fn every_decoded_pixel_format_can_be_reduced() {
        use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
        for (kind, expected) in [
            (L8, L8),
            (La8, Rgba8),
            (Rgb8, Rgb8),
            (Rgba8, Rgba8),
            (L16, L8),
            (La16, Rgba8),
            (Rgb16, Rgb8),
            (Rgba16, Rgba8),
        ] {
            let large = DynamicImage::new(900, 300, kind);
            let smaller = shrink(&large, 90);
            assert_eq!((smaller.width(), smaller.height(), smaller.color()), (90, 30, expected));
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
