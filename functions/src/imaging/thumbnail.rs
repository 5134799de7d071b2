//! Thumbnails, and pictures made small enough for a detector.

use std::borrow::Cow;

use fast_image_resize::FilterType;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, Rgba};

use super::reduce::resized;
use super::{PictureFile, Probe, Rejection};

/// The longest side of a thumbnail, in pixels.
pub const MAX_THUMBNAIL_SIDE: u32 = 320;

/// Of JPEG, 1 to 100: at this size nothing is gained above.
const QUALITY: u8 = 82;

/// Pixels of a picture that is sent to a detector: even noise is then below the 5 MB that Rekognition takes, and the shorter
/// side of what was larger keeps more than [`super::MIN_SIDE`].
const DETECTOR_PIXELS: f64 = 3_000_000.0;

/// The longer side of a decoded picture of which both a thumbnail and the measurements of a detector can be made.
pub const WORKING_SIDE: u32 = 800;

/// A picture as a JPEG, for a detector that does not read its kind.
pub fn jpeg_for_detector(file: &PictureFile) -> Result<Vec<u8>, Rejection> {
    let longest = longest_for_detector(file.probe());
    let picture = super::decode(&file.without_private_metadata()?, file.probe(), longest)?;
    Ok(small_jpeg(&picture, file.orientation(), longest))
}

/// The longer side of a picture that is sent to a detector.
pub fn longest_for_detector(probe: &Probe) -> u32 {
    let (width, height) = (f64::from(probe.width), f64::from(probe.height));
    let shrinking = (DETECTOR_PIXELS / (width * height)).sqrt().min(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a side is between 80 and 10,000")]
    let longest = (width.max(height) * shrinking) as u32;
    longest
}

/// A small JPEG of the picture: the right way up, at most [`MAX_THUMBNAIL_SIDE`] on its longest side and never larger
/// than the picture, without metadata; what is transparent lies over white.
pub fn thumbnail(image: &DynamicImage, orientation: Orientation) -> Vec<u8> {
    small_jpeg(image, orientation, MAX_THUMBNAIL_SIDE)
}

fn small_jpeg(image: &DynamicImage, orientation: Orientation, longest: u32) -> Vec<u8> {
    let small = small(image, orientation, longest);
    if image.color().has_color() { jpeg(&small) } else { jpeg(&small.into_luma8().into()) }
}

/// What models look at: RGB, the right way up, at most [`WORKING_SIDE`] on its longest side and never larger than the
/// picture; what is transparent lies over white.
pub fn working_copy(image: &DynamicImage, orientation: Orientation) -> DynamicImage {
    small(image, orientation, WORKING_SIDE)
}

/// A picture of 8-bit grey or RGB as a JPEG.
pub fn jpeg(image: &DynamicImage) -> Vec<u8> {
    let mut jpeg = Vec::with_capacity(16 << 10);
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(image)
        .expect("writing to memory does not fail, and 8-bit grey and RGB are what the encoder takes");
    jpeg
}

fn small(image: &DynamicImage, orientation: Orientation, longest: u32) -> DynamicImage {
    // All pictures are made smaller as RGB: the resizer has code of its own for each kind of pixel.
    let colours = match image {
        DynamicImage::ImageRgb8(colours) => Cow::Borrowed(colours),
        // White goes under transparent pixels before they are averaged: their hidden colour must not bleed into the edges.
        transparent if transparent.color().has_alpha() => Cow::Owned(over_white(transparent)),
        other => Cow::Owned(other.to_rgb8()),
    };
    let mut small = DynamicImage::from(resized(&colours, longest, FilterType::Bilinear));
    small.apply_orientation(orientation);
    small
}

fn over_white(image: &DynamicImage) -> RgbImage {
    let converted;
    let pixels = if let DynamicImage::ImageRgba8(pixels) = image {
        pixels
    } else {
        converted = image.to_rgba8();
        &converted
    };
    let mut opaque = RgbImage::new(pixels.width(), pixels.height());
    for (to, Rgba([red, green, blue, alpha])) in opaque.pixels_mut().zip(pixels.pixels()) {
        to.0 = [red, green, blue].map(|channel| mixed_with_white(*channel, *alpha));
    }
    opaque
}

fn mixed_with_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    let mixed = (channel * alpha + 255 * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).expect("a weighted mean of two bytes is a byte")
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView, ImageBuffer, Rgb};

    use super::*;

    /// Left half red, right half blue.
    fn two_halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([250, 10, 10]) } else { Rgb([10, 10, 250]) })
            .into()
    }

    fn read(jpeg: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap()
    }

    #[test]
    fn a_thumbnail_keeps_the_aspect_ratio_within_320_pixels_and_never_enlarges() {
        for ((width, height), expected) in [
            ((1280, 640), (320, 160)),
            ((640, 1280), (160, 320)),
            ((321, 100), (320, 100)),
            ((320, 320), (320, 320)),
            ((100, 80), (100, 80)),
            ((10_000, 80), (320, 3)),
        ] {
            let small = read(&thumbnail(&two_halves(width, height), Orientation::NoTransforms));
            assert_eq!(small.dimensions(), expected, "{width}×{height}");
        }
    }

    #[test]
    fn the_detector_gets_a_jpeg_of_bounded_size() {
        for ((width, height), expected) in [((400, 300), (400, 300)), ((4_000, 3_000), (2_000, 1_500))] {
            let mut webp = std::io::Cursor::new(Vec::new());
            two_halves(width, height).write_to(&mut webp, image::ImageFormat::WebP).unwrap();
            let file = PictureFile::read(webp.into_inner().into()).unwrap();
            assert_eq!(read(&jpeg_for_detector(&file).unwrap()).dimensions(), expected);
        }
    }

    #[test]
    fn a_thumbnail_is_upright() {
        // Turned by 90° clockwise, what was left is above.
        let small = read(&thumbnail(&two_halves(1280, 640), Orientation::Rotate90));
        assert_eq!(small.dimensions(), (160, 320));
        assert!(small.get_pixel(80, 20).0[0] > 200, "red above");
        assert!(small.get_pixel(80, 300).0[2] > 200, "blue below");
    }

    #[test]
    fn transparency_is_rendered_over_white_without_leaking_hidden_colours() {
        let image: DynamicImage =
            ImageBuffer::from_fn(640, 640, |x, _| if x % 2 == 0 { Rgba([0, 0, 0, 0]) } else { Rgba([255u8; 4]) })
                .into();
        let small = read(&thumbnail(&image, Orientation::NoTransforms));
        assert!(small.get_pixel(160, 160).0[..3].iter().all(|channel| *channel > 250));
    }

    #[test]
    fn every_pixel_format_makes_a_thumbnail() {
        let rgb = two_halves(400, 400);
        for image in [
            DynamicImage::from(rgb.to_luma8()),
            rgb.to_luma_alpha8().into(),
            rgb.to_luma16().into(),
            rgb.to_luma_alpha16().into(),
            rgb.to_rgb16().into(),
            rgb.to_rgba16().into(),
        ] {
            assert_eq!(
                read(&thumbnail(&image, Orientation::Rotate180)).dimensions(),
                (320, 320),
                "{:?}",
                image.color()
            );
        }
    }
}
