//! Pictures in another size, as Pillow makes them.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::steps::{Resample, Resize, Target};

/// The longest side that a picture is given: of one that is long and narrow, the rest is never seen.
const MAX_SIDE: u32 = 16_384;

pub(super) fn resized(picture: &RgbImage, resize: Resize) -> Cow<'_, RgbImage> {
    let (width, height) = match resize.to {
        Target::Exactly(extent) => (extent.width, extent.height),
        Target::ShortestEdge(edge) => by_shortest_edge(picture.width(), picture.height(), edge),
    };
    if (width, height) == picture.dimensions() {
        return Cow::Borrowed(picture);
    }
    let options = ResizeOptions::new().resize_alg(algorithm(resize.filter));
    let mut resized = RgbImage::new(width, height);
    let from = TypedImageRef::<U8x3>::from_buffer(picture.width(), picture.height(), picture);
    let into = TypedImage::<U8x3>::from_buffer(width, height, &mut resized);
    from.and_then(|from| Ok(Resizer::new().resize_typed(&from, &mut into?, &options)))
        .expect("a buffer of bytes has its size and needs no alignment")
        .expect("no part is cut out, and no side is 0");
    Cow::Owned(resized)
}

/// The longer side is rounded to the nearest pixel, as in the program that the figures of docs/models.md come from. Hugging Face's
/// rounds down, which is one pixel less at most.
pub(super) fn by_shortest_edge(width: u32, height: u32, edge: u32) -> (u32, u32) {
    let (shorter, longer) = (u64::from(width.min(height)), u64::from(width.max(height)));
    let longer = u32::try_from((u64::from(edge) * longer + shorter / 2) / shorter.max(1))
        .unwrap_or(u32::MAX)
        .min(MAX_SIDE.max(edge));
    if width <= height { (edge, longer) } else { (longer, edge) }
}

/// The resizer's filters are Pillow's, with a = −0.5 for the bicubic one, and rounded to bytes after each direction as there.
fn algorithm(filter: Resample) -> ResizeAlg {
    ResizeAlg::Convolution(match filter {
        Resample::Nearest => return ResizeAlg::Nearest,
        Resample::Lanczos => FilterType::Lanczos3,
        Resample::Bilinear => FilterType::Bilinear,
        Resample::Bicubic => FilterType::CatmullRom,
        Resample::Box => FilterType::Box,
        Resample::Hamming => FilterType::Hamming,
    })
}
