//! Pictures for tests: some made here, some made by other encoders (in `testdata/`) where ours cannot write the kind.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use img_parts::Bytes;

use super::container::Container;
use super::{PictureFile, Probe, Rejection};
use crate::model::ImageType;

/// What the headers of these bytes say.
pub fn probe(bytes: &[u8]) -> Result<Probe, Rejection> {
    PictureFile::read(Bytes::copy_from_slice(bytes)).map(|file| *file.probe())
}

/// These bytes cleaned, as a picture of this type and orientation.
pub fn without_private_metadata(
    bytes: &[u8],
    content_type: ImageType,
    orientation: Orientation,
) -> Result<Vec<u8>, Rejection> {
    Container::read(content_type, &Bytes::copy_from_slice(bytes))?.cleaned(orientation).map(Vec::from)
}

pub struct Sample {
    pub name: &'static str,
    pub content_type: ImageType,
    pub bytes: Vec<u8>,
}

/// 96×80 pixels each.
pub fn all() -> Vec<Sample> {
    let file = |name, content_type, bytes: &[u8]| Sample { name, content_type, bytes: bytes.to_vec() };
    vec![
        file("baseline JPEG", ImageType::Jpeg, &jpeg(96, 80)),
        file("grey JPEG", ImageType::Jpeg, &encoded(&gray(), ImageFormat::Jpeg)),
        file("progressive JPEG", ImageType::Jpeg, PROGRESSIVE_JPEG),
        file("CMYK JPEG", ImageType::Jpeg, include_bytes!("testdata/cmyk.jpg")),
        file("PNG", ImageType::Png, &png(96, 80)),
        file("16-bit PNG", ImageType::Png, &encoded(&translucent().to_rgba16().into(), ImageFormat::Png)),
        file("animated PNG", ImageType::Png, ANIMATED_PNG),
        file("lossless WebP", ImageType::WebP, &encoded(&translucent(), ImageFormat::WebP)),
        file("lossy WebP", ImageType::WebP, LOSSY_WEBP),
        file("lossy transparent WebP", ImageType::WebP, include_bytes!("testdata/lossy-alpha.webp")),
        file("animated WebP", ImageType::WebP, ANIMATED_WEBP),
        file("lossless WebP with several groups of codes", ImageType::WebP, LOSSLESS_WEBP),
    ]
}

pub const PROGRESSIVE_JPEG: &[u8] = include_bytes!("testdata/progressive.jpg");
pub const ANIMATED_PNG: &[u8] = include_bytes!("testdata/animated.png");
pub const LOSSY_WEBP: &[u8] = include_bytes!("testdata/lossy.webp");
/// By libwebp 1.2.4, at its greatest effort.
pub const LOSSLESS_WEBP: &[u8] = include_bytes!("testdata/lossless.webp");
pub const ANIMATED_WEBP: &[u8] = include_bytes!("testdata/animated.webp");

pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(&gradient(width, height), ImageFormat::Jpeg)
}

pub fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(&gradient(width, height), ImageFormat::Png)
}

pub fn gradient(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([low_byte(2 * x), low_byte(3 * y), low_byte(x + y)])).into()
}

fn gray() -> DynamicImage {
    GrayImage::from_fn(96, 80, |x, y| Luma([low_byte(x * y)])).into()
}

fn translucent() -> DynamicImage {
    RgbaImage::from_fn(96, 80, |x, y| Rgba([low_byte(2 * x), low_byte(y), 40, low_byte(x + y)])).into()
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The smallest thing that passes for a colour profile: a header and no tags.
pub fn icc_profile() -> Bytes {
    let mut profile = vec![0; 132];
    profile[3] = 132;
    profile[36..40].copy_from_slice(b"acsp");
    profile.into()
}

/// EXIF with an orientation and, as the image's description, any text of more than four characters.
pub fn exif(orientation: u8, description: &str) -> Bytes {
    let length = u8::try_from(description.len()).unwrap();
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    block.extend_from_slice(b"\x01\x0e\0\x02\0\0\0");
    block.extend_from_slice(&[length, 0, 0, 0, 38]);
    block.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01");
    block.extend_from_slice(&[0, orientation, 0, 0, 0, 0, 0, 0]);
    block.extend_from_slice(description.as_bytes());
    block.into()
}
