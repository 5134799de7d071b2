//! The numbers of one or more pictures, in the order in which a network takes them.

use std::borrow::Cow;

use image::{DynamicImage, RgbImage};

use super::resize::resized;
use super::steps::{Extent, Steps};

/// How the numbers of a picture are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// All of one colour, then all of the next.
    Nchw,
    /// Pixel by pixel.
    Nhwc,
}

impl Layout {
    /// The shape of a batch.
    pub(crate) fn shape(self, batch: usize, size: Extent) -> [usize; 4] {
        let (height, width) = (size.height as usize, size.width as usize);
        match self {
            Self::Nchw => [batch, 3, height, width],
            Self::Nhwc => [batch, height, width, 3],
        }
    }
}

/// In which order a pixel's colours come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Channels {
    #[default]
    Rgb,
    Bgr,
}

/// The numbers of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) shape: [usize; 4],
    pub(crate) numbers: Vec<f32>,
}

impl Tensor {
    /// Of pictures that are the right way up.
    pub(crate) fn of<'a>(
        pictures: impl ExactSizeIterator<Item = &'a DynamicImage>,
        steps: &Steps,
        layout: Layout,
        channels: Channels,
    ) -> Self {
        let shape = layout.shape(pictures.len(), steps.size());
        let tables: [[f32; 256]; 3] = std::array::from_fn(|channel| steps.normalization.table(channel));
        let mut numbers = Vec::with_capacity(shape.iter().product());
        for picture in pictures {
            append(&mut numbers, &seen(picture, steps), layout, channels, &tables);
        }
        Self { shape, numbers }
    }
}

/// What the network sees of a picture.
fn seen(picture: &DynamicImage, steps: &Steps) -> RgbImage {
    let rgb = over_white(picture);
    let resized = match steps.resize {
        Some(resize) => resized(&rgb, resize),
        None => Cow::Borrowed(rgb.as_ref()),
    };
    centre(&resized, steps.size())
}

/// Clear parts are white, as on a page.
fn over_white(picture: &DynamicImage) -> Cow<'_, RgbImage> {
    if let DynamicImage::ImageRgb8(rgb) = picture {
        return Cow::Borrowed(rgb);
    }
    if !picture.color().has_alpha() {
        return Cow::Owned(picture.to_rgb8());
    }
    let rgba = picture.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (into, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let alpha = u32::from(from[3]);
        #[expect(clippy::cast_possible_truncation, reason = "the mean of two bytes is one")]
        let over = |channel: u8| ((u32::from(channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        into.0 = [over(from[0]), over(from[1]), over(from[2])];
    }
    Cow::Owned(rgb)
}

/// The middle of a picture; black around one that is smaller.
fn centre(picture: &RgbImage, size: Extent) -> RgbImage {
    if picture.dimensions() == (size.width, size.height) {
        return picture.clone();
    }
    let mut middle = RgbImage::new(size.width, size.height);
    // Of an odd difference the larger half is cut off at the right and below, as Hugging Face does it.
    let start = |has: u32, wanted: u32| (i64::from(has) - i64::from(wanted)).div_euclid(2);
    let (left, top) = (start(picture.width(), size.width), start(picture.height(), size.height));
    image::imageops::replace(&mut middle, picture, -left, -top);
    middle
}

fn append(numbers: &mut Vec<f32>, picture: &RgbImage, layout: Layout, channels: Channels, tables: &[[f32; 256]; 3]) {
    let sources = match channels {
        Channels::Rgb => [0, 1, 2],
        Channels::Bgr => [2, 1, 0],
    };
    match layout {
        Layout::Nchw => {
            for (table, source) in tables.iter().zip(sources) {
                numbers.extend(picture.as_raw().chunks_exact(3).map(|pixel| table[usize::from(pixel[source])]));
            }
        }
        Layout::Nhwc => {
            for pixel in picture.as_raw().chunks_exact(3) {
                numbers.extend(tables.iter().zip(sources).map(|(table, source)| table[usize::from(pixel[source])]));
            }
        }
    }
}
