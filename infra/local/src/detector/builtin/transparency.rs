//! Pictures through which one can see.

use image::RgbaImage;

use super::{Finding, beyond};

pub(super) const LABEL: &str = "transparent";

/// Alpha below this is not just a rounding of opaque.
const OPAQUE_FROM: u8 = 250;
/// Share of pixels that are not opaque: from here on it is noticed, and no accident of one soft edge.
const NOTICED_FROM: f64 = 0.01;
const SURELY_FROM: f64 = 0.05;

/// `transparent` if a noticeable part of the pixels is. An alpha channel that is opaque all over says nothing.
pub(super) fn judge(picture: &RgbaImage) -> Option<Finding> {
    let (mut clear, mut all) = (0_u32, 0_u32);
    for pixel in picture.pixels() {
        clear += u32::from(pixel.0[3] < OPAQUE_FROM);
        all += 1;
    }
    let share = f64::from(clear) / f64::from(all.max(1));
    beyond(share, NOTICED_FROM, SURELY_FROM).map(|confidence| (LABEL, confidence))
}

#[cfg(test)]
mod tests {
    use image::Rgba;
    use labelcast_functions::model::Confidence;

    use super::*;

    /// 100 x 10 pixels of which `clear` have this alpha.
    fn picture(clear: u32, alpha: u8) -> RgbaImage {
        RgbaImage::from_fn(100, 10, |x, y| Rgba([9, 9, 9, if y * 100 + x < clear { alpha } else { 255 }]))
    }

    #[test]
    fn a_partly_transparent_picture_is_labelled_transparent() {
        assert_eq!(judge(&picture(500, 0)), Some((LABEL, Confidence::FULL)));
        assert_eq!(judge(&picture(500, 128)), Some((LABEL, Confidence::FULL)));
    }

    #[test]
    fn an_opaque_alpha_channel_is_not_transparent() {
        assert_eq!(judge(&picture(0, 0)), None);
        assert_eq!(judge(&picture(1000, 252)), None);
    }

    #[test]
    fn a_few_transparent_pixels_are_ignored() {
        assert_eq!(judge(&picture(9, 0)), None);
        assert_eq!(judge(&picture(10, 0)).map(|(_, confidence)| confidence.percent()), Some(85.0));
    }
}
