//! QR codes: `qr code` if one was really decoded.

mod finder;

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::GrayImage;
use labelcast_functions::model::Confidence;
use rqrr::PreparedImage;

use super::Finding;

pub(super) const LABEL: &str = "qr code";

/// A code has three finder patterns in its corners.
const FEWEST_PATTERNS: usize = 3;
/// Grouping finder patterns into codes takes time with the cube of their number: a picture of thousands of them would
/// keep a core busy for hours. Ten codes' worth is enough; pictures with more are not searched.
const MAX_PATTERNS: usize = 30;

/// Searches the picture. The confidence is 100: a code that was decoded passed its error correction.
pub(super) fn find(picture: &GrayImage) -> Option<Finding> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let raw = picture.as_raw();
    let mut prepared = PreparedImage::prepare_from_greyscale(width, height, |x, y| raw[y * width + x]);
    let is_black = |x, y| u8::from(prepared.get_pixel_at(x, y)) != 0;
    let patterns = finder::count(width, height, is_black);
    if patterns > MAX_PATTERNS {
        tracing::debug!(patterns, "too many finder patterns; skipped the search for QR codes");
    }
    if !(FEWEST_PATTERNS..=MAX_PATTERNS).contains(&patterns) {
        return None;
    }
    // The geometry of a hostile picture may break an assumption of the library. That costs the label, not the picture.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        prepared.detect_grids().iter().any(|grid| grid.decode_to(Vec::new()).is_ok())
    }));
    matches!(decoded, Ok(true)).then_some((LABEL, Confidence::FULL))
}

#[cfg(test)]
mod tests {
    use image::{Luma, imageops};
    use qrcode::{EcLevel, QrCode};

    use super::*;

    /// A code of 4 pixels a module on white.
    fn code(text: &str) -> GrayImage {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let (modules, colors) = (u32::try_from(code.width()).unwrap(), code.to_colors());
        GrayImage::from_fn(modules * 4 + 40, modules * 4 + 40, |x, y| {
            let (Some(x), Some(y)) = (x.checked_sub(20), y.checked_sub(20)) else { return Luma([255]) };
            let inside = x / 4 < modules && y / 4 < modules;
            let dark = inside && colors[((y / 4) * modules + x / 4) as usize] == qrcode::Color::Dark;
            Luma([if dark { 0 } else { 255 }])
        })
    }

    #[test]
    fn a_code_is_found_in_any_rotation() {
        let code = code("https://example.org/labelcast");
        assert_eq!(find(&code), Some((LABEL, Confidence::FULL)));
        assert!(find(&imageops::rotate90(&code)).is_some());
        assert!(find(&imageops::rotate180(&code)).is_some());
    }

    #[test]
    fn no_code_is_found_in_a_picture_without_one() {
        assert_eq!(find(&GrayImage::from_pixel(200, 200, Luma([255]))), None);
        assert_eq!(
            find(&GrayImage::from_fn(200, 200, |x, y| Luma([if (x / 10 + y / 10) % 2 == 0 { 0 } else { 255 }]))),
            None
        );
    }

    #[test]
    fn an_unreadable_code_is_not_reported() {
        let mut code = code("https://example.org/labelcast");
        // The finder patterns stay; the middle and the right lower part go.
        for y in 60..code.height() - 20 {
            for x in 60..code.width() - 20 {
                code.put_pixel(x, y, Luma([255]));
            }
        }
        assert_eq!(find(&code), None);
    }

    #[test]
    fn a_picture_full_of_finder_patterns_is_not_searched() {
        let pattern = |x: u32, y: u32| {
            let ring = [x.abs_diff(3), y.abs_diff(3)].into_iter().max().unwrap();
            x < 7 && y < 7 && ring != 2
        };
        let many = GrayImage::from_fn(800, 800, |x, y| Luma([if pattern(x % 10, y % 10) { 0 } else { 255 }]));
        assert_eq!(find(&many), None);
    }
}
