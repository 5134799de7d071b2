//! Thumbnails.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, Rgba};

/// The longest side of a thumbnail, in pixels.
pub const MAX_THUMBNAIL_SIDE: u32 = 320;

/// Of JPEG, 1 to 100: at this size nothing is gained above.
const QUALITY: u8 = 82;

/// A small JPEG of the picture: the right way up, at most [`MAX_THUMBNAIL_SIDE`] on its longest side and never larger
/// than the picture, without metadata; what is transparent lies over white.
pub fn thumbnail(image: &DynamicImage, orientation: Orientation) -> Vec<u8> {
    // White goes under transparent pixels before they are averaged: their hidden colour must not bleed into the edges.
    let opaque;
    let image = if image.color().has_alpha() {
        opaque = over_white(image);
        &opaque
    } else {
        image
    };
    let mut small = shrunk(image);
    small.apply_orientation(orientation);
    let small = match small {
        gray @ DynamicImage::ImageLuma8(_) => gray,
        DynamicImage::ImageLuma16(_) => small.into_luma8().into(),
        other => other.into_rgb8().into(),
    };
    let mut jpeg = Vec::with_capacity(16 << 10);
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&small)
        .expect("writing to memory does not fail, and 8-bit grey and RGB are what the encoder takes");
    jpeg
}

/// Every pixel counts for those that it falls together with.
fn shrunk(image: &DynamicImage) -> DynamicImage {
    let longest = image.width().max(image.height());
    if longest <= MAX_THUMBNAIL_SIDE {
        return image.clone();
    }
    // To the nearest pixel, and a line stays a line.
    let scaled = |side: u32| ((side * MAX_THUMBNAIL_SIDE + longest / 2) / longest).max(1);
    let mut small = DynamicImage::new(scaled(image.width()), scaled(image.height()), image.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(image, &mut small, &options)
        .expect("both have the same kind of pixels, one of those that a DynamicImage can have, and all can be resized");
    small
}

fn over_white(image: &DynamicImage) -> DynamicImage {
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
    opaque.into()
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
    fn a_thumbnail_keeps_the_shape_and_is_never_larger_than_320_or_the_picture() {
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
    fn a_thumbnail_is_the_right_way_up() {
        // Turned by 90° clockwise, what was left is above.
        let small = read(&thumbnail(&two_halves(1280, 640), Orientation::Rotate90));
        assert_eq!(small.dimensions(), (160, 320));
        assert!(small.get_pixel(80, 20).0[0] > 200, "red above");
        assert!(small.get_pixel(80, 300).0[2] > 200, "blue below");
    }

    #[test]
    fn what_is_transparent_lies_over_white_and_its_hidden_colour_stays_hidden() {
        let image: DynamicImage =
            ImageBuffer::from_fn(640, 640, |x, _| if x % 2 == 0 { Rgba([0, 0, 0, 0]) } else { Rgba([255u8; 4]) })
                .into();
        let small = read(&thumbnail(&image, Orientation::NoTransforms));
        assert!(small.get_pixel(160, 160).0[..3].iter().all(|channel| *channel > 250));
    }

    #[test]
    fn every_depth_and_number_of_channels_makes_a_thumbnail() {
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
