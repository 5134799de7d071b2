//! Rekognition's simplified colours, and which of them a colour is.

use strum::{IntoStaticStr, VariantArray};

use crate::detector::builtin::oklab::Oklch;

/// A simplified colour name. There is no cyan: turquoise is green or blue, whichever it is nearer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub(in crate::detector::builtin) enum ColorName {
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
    Brown,
    Black,
    Grey,
    White,
}

impl ColorName {
    pub(in crate::detector::builtin) fn as_str(self) -> &'static str {
        self.into()
    }

    /// The name that most people would give. The bounds were chosen so that the CSS colours of these names, and their
    /// `dark` and `light` kin, come out as themselves.
    pub(super) fn of(color: Oklch) -> Self {
        let Oklch { lightness, chroma, hue } = color;
        if lightness < 0.22 {
            return Self::Black;
        }
        if chroma < 0.035 {
            return if lightness < 0.32 {
                Self::Black
            } else if lightness < 0.9 {
                Self::Grey
            } else {
                Self::White
            };
        }
        match hue {
            h if !(15.0..345.0).contains(&h) => choose(lightness >= 0.55, Self::Pink, Self::Red),
            h if h < 39.0 => reddish(lightness, chroma),
            h if h < 80.0 => choose(lightness < 0.65 || (chroma < 0.1 && lightness < 0.85), Self::Brown, Self::Orange),
            h if h < 100.0 => choose(lightness < 0.7, Self::Brown, Self::Yellow),
            h if h < 115.0 => choose(lightness < 0.7, Self::Green, Self::Yellow),
            h if h < 190.0 => Self::Green,
            h if h < 285.0 => Self::Blue,
            h if h < 325.0 => Self::Purple,
            _ => choose(lightness < 0.62, Self::Purple, Self::Pink),
        }
    }
}

/// Between pink and orange: pale is pink, dull or very dark is brown, the rest is red.
fn reddish(lightness: f64, chroma: f64) -> ColorName {
    if lightness >= 0.71 {
        ColorName::Pink
    } else {
        choose(chroma < 0.12 || lightness < 0.34, ColorName::Brown, ColorName::Red)
    }
}

fn choose(first: bool, then: ColorName, otherwise: ColorName) -> ColorName {
    if first { then } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn css_colours_get_their_everyday_names() {
        use ColorName::{Black, Blue, Brown, Green, Grey, Orange, Pink, Purple, Red, White, Yellow};
        let expected: &[(ColorName, &[u32])] = &[
            (Red, &[0xff_0000, 0xdc_143c, 0xb2_2222, 0x8b_0000, 0xff_6347]),
            (Orange, &[0xff_a500, 0xff_8c00, 0xff_7f50]),
            (Yellow, &[0xff_ff00, 0xff_d700, 0xf0_e68c, 0xda_a520]),
            (Green, &[0x00_8000, 0x00_ff00, 0x22_8b22, 0x90_ee90, 0x55_6b2f, 0x2e_8b57, 0x80_8000]),
            (Blue, &[0x00_00ff, 0x00_0080, 0x87_ceeb, 0x46_82b4, 0x41_69e1, 0x00_bfff]),
            (Purple, &[0x80_0080, 0x8a_2be2, 0x4b_0082, 0x93_70db, 0x99_32cc]),
            (Pink, &[0xff_c0cb, 0xff_69b4, 0xff_1493, 0xff_b6c1]),
            (Brown, &[0x8b_4513, 0xa0_522d, 0xd2_b48c, 0x65_4321, 0xd2_691e]),
            (Black, &[0x00_0000, 0x10_1010, 0x1a_1a1a]),
            (Grey, &[0x80_8080, 0xa9_a9a9, 0xd3_d3d3, 0x69_6969, 0x70_8090]),
            (White, &[0xff_ffff, 0xf5_f5f5, 0xff_fff0]),
        ];
        for (name, colors) in expected {
            for color in *colors {
                let [_, red, green, blue] = color.to_be_bytes();
                let found = Oklch::from_srgb([red, green, blue]);
                assert_eq!(ColorName::of(found), *name, "#{color:06x} is {found:?}");
            }
        }
    }
}
