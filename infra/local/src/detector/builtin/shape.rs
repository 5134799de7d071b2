//! The shape of the picture as it is seen, turned the right way up.

use labelcast_functions::model::Confidence;

use super::Finding;

const LANDSCAPE: &str = "landscape";
const PORTRAIT: &str = "portrait";
const SQUARE: &str = "square";
const PANORAMA: &str = "panorama";
#[cfg(test)]
pub(super) const LABELS: [&str; 4] = [LANDSCAPE, PORTRAIT, SQUARE, PANORAMA];

/// Sides that differ by at most this share are equal to the eye.
const SQUARE_WITHIN: f64 = 0.01;
/// From here on one side is plainly the longer one.
const OBLONG_FROM: f64 = 1.1;
/// Twice as wide as high, the usual least for a panorama. It stays a landscape, too.
const PANORAMA_FROM: f64 = 2.0;

/// Counted, not guessed: the confidence is always 100. Between square and oblong there is no label.
pub(super) fn judge(width: u32, height: u32) -> Vec<Finding> {
    let (wide, high) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let mut names = Vec::new();
    if wide / high >= PANORAMA_FROM {
        names.push(PANORAMA);
    }
    if wide / high >= OBLONG_FROM {
        names.push(LANDSCAPE);
    } else if high / wide >= OBLONG_FROM {
        names.push(PORTRAIT);
    } else if wide.max(high) / wide.min(high) <= 1.0 + SQUARE_WITHIN {
        names.push(SQUARE);
    }
    names.into_iter().map(|name| (name, Confidence::FULL)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(width: u32, height: u32) -> Vec<&'static str> {
        judge(width, height).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_picture_is_named_by_its_longer_side() {
        assert_eq!(names(1500, 1000), [LANDSCAPE]);
        assert_eq!(names(1000, 1500), [PORTRAIT]);
        assert_eq!(names(1000, 1000), [SQUARE]);
        assert_eq!(names(1000, 1010), [SQUARE]);
    }

    #[test]
    fn a_picture_that_is_almost_square_has_no_shape() {
        assert!(names(1000, 1050).is_empty());
        assert!(names(1090, 1000).is_empty());
    }

    #[test]
    fn a_panorama_is_landscape_and_at_least_twice_as_wide_as_high() {
        assert_eq!(names(2000, 1000), [PANORAMA, LANDSCAPE]);
        assert_eq!(names(1990, 1000), [LANDSCAPE]);
        assert_eq!(names(1000, 3000), [PORTRAIT]);
    }
}
