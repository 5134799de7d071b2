//! How sharp the edges of a picture are.
//!
//! The variance of the Laplacian alone calls a foggy picture blurred and a busy one sharp. Divided by the energy of the
//! gradient it becomes the width of the edges instead: for a step that was blurred with a Gaussian of deviation `s`
//! pixels, energy of the gradient / energy of the Laplacian = 2 s², whatever the contrast and however many edges there are.

use image::GrayImage;

use super::{Finding, beyond};

pub(super) const SHARP: &str = "sharp";
pub(super) const BLURRED: &str = "blurred";

/// Width of the edges in pixels of a copy of at most 512 pixels a side. A step between two pixels measures 0.8.
const SHARP_UP_TO: f64 = 1.15;
const SURELY_SHARP: f64 = 0.85;
const BLURRED_FROM: f64 = 1.8;
const SURELY_BLURRED: f64 = 3.0;

/// A change of fewer grey levels a pixel is no edge but a slope or noise.
const EDGE_FROM: i32 = 3;
/// Share of the pixels that must lie on edges: a wall or a plain sky is neither sharp nor blurred.
const EDGES_FROM: f64 = 0.005;
/// The smoothing below multiplies by 16.
const SCALE: i32 = 16;

/// `sharp`, `blurred`, or nothing where the width is in between or there are no edges to judge by.
pub(super) fn judge(picture: &GrayImage) -> Option<Finding> {
    let width = edge_width(picture)?;
    let sharp = beyond(width, SHARP_UP_TO, SURELY_SHARP).map(|confidence| (SHARP, confidence));
    sharp.or_else(|| beyond(width, BLURRED_FROM, SURELY_BLURRED).map(|confidence| (BLURRED, confidence)))
}

fn edge_width(picture: &GrayImage) -> Option<f64> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width < 8 || height < 8 {
        return None;
    }
    let smooth = smoothed(picture.as_raw(), width, height);
    let (width, height) = (width - 2, height - 2);
    // Squared, of the difference over two pixels.
    let least = i64::from(2 * EDGE_FROM * SCALE).pow(2);
    let (mut edges, mut gradient_energy, mut laplacian_energy) = (0_u32, 0_i64, 0_i64);
    for row in smooth.windows(3 * width).step_by(width) {
        let (above, rest) = row.split_at(width);
        let (here, below) = rest.split_at(width);
        for x in 1..width - 1 {
            let across = i64::from(here[x + 1] - here[x - 1]);
            let down = i64::from(below[x] - above[x]);
            let gradient = across * across + down * down;
            if gradient < least {
                continue;
            }
            let laplacian = i64::from(here[x - 1] + here[x + 1] + above[x] + below[x] - 4 * here[x]);
            edges += 1;
            gradient_energy += gradient;
            laplacian_energy += laplacian * laplacian;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a quotient of sums needs no more than 52 bits")]
    let (pixels, gradient, laplacian) =
        ((width * height) as f64, gradient_energy as f64 / 4.0, laplacian_energy.max(1) as f64);
    (f64::from(edges) / pixels >= EDGES_FROM).then(|| (gradient / laplacian / 2.0).sqrt())
}

/// A 3 x 3 binomial, times 16: without it the rounding of soft edges to whole grey levels would pass for sharpness.
/// The outermost pixels are cut off: both sides are 2 shorter.
fn smoothed(raw: &[u8], width: usize, height: usize) -> Vec<i32> {
    let mut smooth = Vec::with_capacity((width - 2) * (height - 2));
    for row in raw.windows(3 * width).step_by(width).take(height - 2) {
        let columns: Vec<i32> = (0..width)
            .map(|x| i32::from(row[x]) + 2 * i32::from(row[width + x]) + i32::from(row[2 * width + x]))
            .collect();
        smooth.extend(columns.windows(3).map(|three| three[0] + 2 * three[1] + three[2]));
    }
    smooth
}

#[cfg(test)]
mod tests {
    use image::{Luma, imageops};
    use labelcast_functions::model::Confidence;

    use super::*;

    /// Bars of 16 pixels, as a camera with this blur would see them.
    fn bars(blur: f32, dark: u8, light: u8) -> GrayImage {
        let bars = GrayImage::from_fn(512, 400, |x, y| Luma([if (x / 16 + y / 40) % 2 == 0 { dark } else { light }]));
        if blur > 0.0 { imageops::blur(&bars, blur) } else { bars }
    }

    fn name(picture: &GrayImage) -> Option<&'static str> {
        judge(picture).map(|(name, _)| name)
    }

    #[test]
    fn hard_edges_are_sharp_and_soft_edges_are_blurred() {
        assert_eq!(judge(&bars(0.0, 20, 230)), Some((SHARP, Confidence::FULL)));
        assert_eq!(name(&bars(3.0, 20, 230)), Some(BLURRED));
    }

    #[test]
    fn sharpness_does_not_depend_on_contrast() {
        assert_eq!(name(&bars(0.0, 120, 140)), Some(SHARP));
        assert_eq!(name(&bars(3.0, 0, 255)), Some(BLURRED));
    }

    #[test]
    fn slightly_soft_edges_are_neither() {
        assert_eq!(name(&bars(1.2, 20, 230)), None);
    }

    #[test]
    fn a_picture_without_edges_is_neither() {
        assert_eq!(judge(&GrayImage::from_pixel(512, 512, Luma([90]))), None);
        let slope = GrayImage::from_fn(512, 400, |x, _| Luma([u8::try_from(x / 2).unwrap()]));
        assert_eq!(judge(&slope), None);
        assert_eq!(judge(&GrayImage::from_pixel(3, 3, Luma([90]))), None);
    }
}
