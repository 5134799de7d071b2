//! Oklab (Ottosson 2020): a colour space in which equal distances look equally large.

/// A colour by lightness (0 black, 1 white), chroma (0 grey, about 0.32 at most in sRGB) and hue (degrees, 0 to 360:
/// red 29, yellow 110, green 142, blue 264).
#[derive(Debug, Clone, Copy)]
pub(super) struct Oklch {
    pub(super) lightness: f64,
    pub(super) chroma: f64,
    pub(super) hue: f64,
}

impl Oklch {
    pub(super) fn from_srgb(rgb: [u8; 3]) -> Self {
        let [red, green, blue] = rgb.map(linear);
        let long = (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
        let middle = (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
        let short = (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
        let green_red = 1.977_998_495_1 * long - 2.428_592_205_0 * middle + 0.450_593_709_9 * short;
        let blue_yellow = 0.025_904_037_1 * long + 0.782_771_766_2 * middle - 0.808_675_766_0 * short;
        Self {
            lightness: 0.210_454_255_3 * long + 0.793_617_785_0 * middle - 0.004_072_046_8 * short,
            chroma: green_red.hypot(blue_yellow),
            hue: blue_yellow.atan2(green_red).to_degrees().rem_euclid(360.0),
        }
    }
}

/// From the sRGB curve to linear light.
fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_have_their_published_coordinates() {
        for (rgb, lightness, chroma, hue) in [
            ([255, 0, 0], 0.628, 0.258, 29.2),
            ([0, 255, 0], 0.866, 0.295, 142.5),
            ([0, 0, 255], 0.452, 0.313, 264.1),
            ([255, 165, 0], 0.793, 0.171, 70.7),
        ] {
            let found = Oklch::from_srgb(rgb);
            assert!((found.lightness - lightness).abs() < 0.002, "{rgb:?} {found:?}");
            assert!((found.chroma - chroma).abs() < 0.002, "{rgb:?} {found:?}");
            assert!((found.hue - hue).abs() < 0.2, "{rgb:?} {found:?}");
        }
    }

    #[test]
    fn greys_have_no_chroma() {
        for level in 0..=255 {
            assert!(Oklch::from_srgb([level; 3]).chroma < 1e-4);
        }
    }
}
