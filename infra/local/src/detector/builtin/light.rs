//! How light a picture is as a whole.

use image::RgbaImage;

use super::{Finding, beyond, color::is_seen};

pub(super) const DARK: &str = "dark";
pub(super) const BRIGHT: &str = "bright";

/// Mean luma, as a share of white: below this a picture is dark, at `SURELY_DARK` without doubt.
const DARK_BELOW: f64 = 0.22;
const SURELY_DARK: f64 = 0.08;
/// Mean luma, as a share of white: above this a picture is bright, at `SURELY_BRIGHT` without doubt.
const BRIGHT_ABOVE: f64 = 0.75;
const SURELY_BRIGHT: f64 = 0.92;

/// `dark`, `bright` or, in the wide middle, nothing. Pixels that cannot be seen do not count.
pub(super) fn judge(picture: &RgbaImage) -> Option<Finding> {
    let mean = mean_luma(picture)?;
    let dark = beyond(mean, DARK_BELOW, SURELY_DARK).map(|confidence| (DARK, confidence));
    dark.or_else(|| beyond(mean, BRIGHT_ABOVE, SURELY_BRIGHT).map(|confidence| (BRIGHT, confidence)))
}

/// Rec. 709 luma of the seen pixels, 0 (black) to 1 (white); `None` if none is seen.
fn mean_luma(picture: &RgbaImage) -> Option<f64> {
    let (mut sum, mut seen) = (0.0, 0_u32);
    for pixel in picture.pixels().filter(|pixel| is_seen(**pixel)) {
        let [red, green, blue, _] = pixel.0.map(f64::from);
        sum += 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        seen += 1;
    }
    (seen > 0).then(|| sum / 255.0 / f64::from(seen))
}

#[cfg(test)]
mod tests {
    use image::Rgba;
    use labelcast_functions::model::Confidence;

    use super::*;

    fn grey(level: u8) -> RgbaImage {
        RgbaImage::from_pixel(8, 8, Rgba([level, level, level, 255]))
    }

    #[test]
    fn a_picture_of_mostly_black_is_dark_and_of_mostly_white_is_bright() {
        assert_eq!(judge(&grey(5)), Some((DARK, Confidence::FULL)));
        assert_eq!(judge(&grey(250)), Some((BRIGHT, Confidence::FULL)));
        assert_eq!(judge(&grey(128)), None);
    }

    #[test]
    fn a_borderline_picture_is_neither_and_just_past_the_border_the_confidence_is_85() {
        assert_eq!(judge(&grey(57)), None);
        let (name, confidence) = judge(&grey(55)).unwrap();
        assert!(name == DARK && (85.0..86.5).contains(&confidence.percent()), "{confidence:?}");
        assert_eq!(judge(&grey(190)), None);
        let (name, confidence) = judge(&grey(193)).unwrap();
        assert!(name == BRIGHT && (85.0..86.5).contains(&confidence.percent()), "{confidence:?}");
    }

    #[test]
    fn transparent_areas_are_neither_dark_nor_bright() {
        assert_eq!(judge(&RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0]))), None);
    }
}
