//! Pictures made smaller: row after row while they are decoded, and as a whole.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

/// Kinds of pixels, 8 bits a channel, by the number of channels: grey, grey with alpha, RGB, RGBA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channels(pub(super) usize);

impl Channels {
    const fn has_alpha(self) -> bool {
        self.0.is_multiple_of(2)
    }

    /// Those of the reduced picture: grey with alpha becomes RGBA, which everything after this can handle.
    const fn reduced(self) -> usize {
        if self.0 == 2 { 4 } else { self.0 }
    }
}

/// By how much a picture can be reduced so that no less than `longest` pixels are left on its longer side; 1 for those that
/// are small enough.
pub(super) fn factor(width: u32, height: u32, longest: u32) -> u32 {
    (width.max(height) / longest.max(1)).max(1)
}

/// Takes rows and averages squares of `factor` pixels a side, so that the whole picture need never be in memory. A clear
/// pixel has no colour, so colours are weighted by their alpha.
pub(super) struct Reducer {
    channels: Channels,
    width: usize,
    factor: usize,
    /// Of the row of squares that is being filled: sums by channel, weighted, and the weights.
    sums: Vec<u32>,
    weights: Vec<u32>,
    rows: usize,
    reduced: Vec<u8>,
    reduced_height: u32,
}

impl Reducer {
    pub(super) fn new(width: u32, height: u32, factor: u32, channels: Channels) -> Self {
        let (across, down) = (width.div_ceil(factor) as usize, height.div_ceil(factor) as usize);
        let sums = if factor == 1 { 0 } else { across };
        Self {
            channels,
            width: width as usize,
            factor: factor as usize,
            sums: vec![0; sums * channels.0],
            weights: vec![0; sums],
            rows: 0,
            reduced: Vec::with_capacity(across * down * channels.reduced()),
            reduced_height: 0,
        }
    }

    /// The next row, of which only as many pixels are looked at as the picture is wide.
    pub(super) fn row(&mut self, row: &[u8]) {
        let channels = self.channels.0;
        let row = &row[..row.len().min(self.width * channels)];
        if self.factor == 1 {
            match channels {
                2 => {
                    self.reduced.extend(row.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]));
                }
                _ => self.reduced.extend_from_slice(row),
            }
            self.reduced_height += 1;
            return;
        }
        match channels {
            1 => add_opaque::<1>(row, self.factor, &mut self.sums, &mut self.weights),
            3 => add_opaque::<3>(row, self.factor, &mut self.sums, &mut self.weights),
            2 => add_weighted::<2>(row, self.factor, &mut self.sums, &mut self.weights),
            _ => add_weighted::<4>(row, self.factor, &mut self.sums, &mut self.weights),
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.end_squares();
        }
    }

    fn end_squares(&mut self) {
        let channels = self.channels.0;
        for (at, (sums, weight)) in self.sums.chunks_exact(channels).zip(&self.weights).enumerate() {
            let mean = |sum: u32, of: u32| u8::try_from((sum + of / 2) / of.max(1)).unwrap_or(u8::MAX);
            if self.channels.has_alpha() {
                // The last square of a row may be narrower.
                let across = self.factor.min(self.width - at * self.factor);
                let pixels = u32::try_from(across * self.rows).unwrap_or(u32::MAX);
                let (colours, alpha) = sums.split_at(channels - 1);
                match colours {
                    [grey] => self.reduced.extend([mean(*grey, *weight); 3]),
                    _ => self.reduced.extend(colours.iter().map(|sum| mean(*sum, *weight))),
                }
                self.reduced.push(mean(alpha[0], pixels));
            } else {
                self.reduced.extend(sums.iter().map(|sum| mean(*sum, *weight)));
            }
        }
        self.sums.fill(0);
        self.weights.fill(0);
        self.rows = 0;
        self.reduced_height += 1;
    }

    /// What has become of the rows; `None` if there were none.
    pub(super) fn finish(mut self) -> Option<DynamicImage> {
        if self.rows > 0 {
            self.end_squares();
        }
        let width = u32::try_from(self.width.div_ceil(self.factor)).ok()?;
        let (height, pixels) = (self.reduced_height, self.reduced);
        match self.channels.0 {
            1 => GrayImage::from_raw(width, height, pixels).map(Into::into),
            3 => RgbImage::from_raw(width, height, pixels).map(Into::into),
            _ => RgbaImage::from_raw(width, height, pixels).map(Into::into),
        }
    }
}

fn add_opaque<const CHANNELS: usize>(row: &[u8], factor: usize, sums: &mut [u32], weights: &mut [u32]) {
    let squares = sums.chunks_exact_mut(CHANNELS).zip(weights);
    for (square, (sums, weight)) in row.chunks(factor * CHANNELS).zip(squares) {
        for pixel in square.chunks_exact(CHANNELS) {
            for (sum, channel) in sums.iter_mut().zip(pixel) {
                *sum += u32::from(*channel);
            }
            *weight += 1;
        }
    }
}

/// The last channel is alpha. At most 125 pixels a side, so the sums stay below 2^30.
fn add_weighted<const CHANNELS: usize>(row: &[u8], factor: usize, sums: &mut [u32], weights: &mut [u32]) {
    let squares = sums.chunks_exact_mut(CHANNELS).zip(weights);
    for (square, (sums, weight)) in row.chunks(factor * CHANNELS).zip(squares) {
        for pixel in square.chunks_exact(CHANNELS) {
            let alpha = u32::from(pixel[CHANNELS - 1]);
            for (sum, channel) in sums.iter_mut().zip(&pixel[..CHANNELS - 1]) {
                *sum += u32::from(*channel) * alpha;
            }
            sums[CHANNELS - 1] += alpha;
            *weight += alpha;
        }
    }
}

/// A decoded picture reduced until its longer side is at least `longest` and less than twice that.
pub(super) fn reduced(image: DynamicImage, longest: u32) -> DynamicImage {
    let by = factor(image.width(), image.height(), longest);
    let (width, height) = (image.width(), image.height());
    let through = |bytes: &[u8], channels: usize| {
        let mut reducer = Reducer::new(width, height, by, Channels(channels));
        bytes.chunks_exact(width as usize * channels).for_each(|row| reducer.row(row));
        reducer.finish()
    };
    let small = match &image {
        _ if by == 1 => None,
        DynamicImage::ImageLuma8(pixels) => through(pixels, 1),
        // The resizer has code of its own for this one that is faster than taking means.
        DynamicImage::ImageRgb8(pixels) => Some(resized(pixels, longest, FilterType::Hamming).into()),
        DynamicImage::ImageLumaA8(pixels) => through(pixels, 2),
        DynamicImage::ImageRgba8(pixels) => through(pixels, 4),
        _ => None,
    };
    small.unwrap_or(image)
}

/// A picture whose longer side is at most `longest`; every pixel counts for those that it falls together with.
pub(super) fn resized(image: &RgbImage, longest: u32, filter: FilterType) -> RgbImage {
    let side = image.width().max(image.height());
    if side <= longest {
        return image.clone();
    }
    // To the nearest pixel, and a line stays a line.
    let scaled = |length: u32| ((length * longest + side / 2) / side).max(1);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let mut small = RgbImage::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let from = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image);
    let into = TypedImage::<U8x3>::from_buffer(width, height, &mut small);
    from.and_then(|from| Ok(Resizer::new().resize_typed(&from, &mut into?, &options)))
        .expect("a buffer of bytes has its size and needs no alignment")
        .expect("no part is cut out, and no side is 0");
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(width: u32, height: u32, factor: u32, channels: usize, bytes: &[u8]) -> DynamicImage {
        let mut reducer = Reducer::new(width, height, factor, Channels(channels));
        bytes.chunks(width as usize * channels).for_each(|row| reducer.row(row));
        reducer.finish().unwrap()
    }

    #[test]
    fn pixels_are_averaged_in_squares_including_the_remainder_at_the_edges() {
        let small = through(3, 3, 2, 1, &[0, 2, 9, 4, 6, 11, 20, 30, 7]);
        assert_eq!((small.width(), small.height()), (2, 2));
        assert_eq!(small.as_bytes(), [3, 10, 25, 7]);
    }

    #[test]
    fn transparent_pixels_contribute_no_colour() {
        let small = through(2, 1, 2, 4, &[255, 0, 0, 255, 0, 255, 0, 0]);
        assert_eq!(small.as_bytes(), [255, 0, 0, 128]);
        let nothing = through(2, 1, 2, 4, &[255, 0, 0, 0, 0, 255, 0, 0]);
        assert_eq!(nothing.as_bytes()[3], 0);
    }

    #[test]
    fn grey_with_alpha_becomes_rgba() {
        assert_eq!(through(1, 1, 1, 2, &[7, 9]).as_bytes(), [7, 7, 7, 9]);
        assert_eq!(through(2, 1, 2, 2, &[7, 255, 9, 255]).as_bytes(), [8, 8, 8, 255]);
    }

    #[test]
    fn the_reduction_factor_is_an_integer_and_never_goes_below_the_wanted_size() {
        assert_eq!([factor(8_000, 6_000, 1_000), factor(1_999, 10, 1_000), factor(80, 80, 1_000)], [8, 1, 1]);
        for image in [
            DynamicImage::new_luma8(2_500, 100),
            DynamicImage::new_luma_a8(2_500, 100),
            DynamicImage::new_rgb8(2_500, 100),
            DynamicImage::new_rgba8(2_500, 100),
        ] {
            let small = reduced(image, 1_000);
            assert!(small.width() >= 1_000, "{:?}", small.color());
        }
    }
}
