//! The name of every colour, looked up instead of computed: 32 steps a channel.

use std::sync::LazyLock;

use super::name::ColorName;
use crate::detector::builtin::oklab::Oklch;

const STEPS: usize = 32;
/// A pixel with less chroma is grey to the eye. One step of one channel is just below it.
const COLORED_FROM: f64 = 0.03;

/// What is known of a colour.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: ColorName,
    /// A colour a little lighter, darker, redder, … has the same name.
    pub(super) certain: bool,
    /// Neither black nor grey nor white.
    pub(super) colored: bool,
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let colors: Vec<Oklch> = (0..STEPS.pow(3)).map(|index| Oklch::from_srgb(channels(index).map(level))).collect();
    let names: Vec<ColorName> = colors.iter().map(|color| ColorName::of(*color)).collect();
    let certain = |index: usize| neighbours(channels(index)).all(|near| names[near] == names[index]);
    let entry = |index: usize| Entry {
        name: names[index],
        certain: certain(index),
        colored: colors[index].chroma >= COLORED_FROM,
    };
    (0..STEPS.pow(3)).map(entry).collect()
});

pub(super) fn look_up(rgb: [u8; 3]) -> Entry {
    TABLE[index_of(rgb.map(|channel| usize::from(channel) * STEPS / 256))]
}

fn index_of([red, green, blue]: [usize; 3]) -> usize {
    (red * STEPS + green) * STEPS + blue
}

fn channels(index: usize) -> [usize; 3] {
    [index / STEPS / STEPS, index / STEPS % STEPS, index % STEPS]
}

/// The middle of a step, spread so that the first is 0 and the last 255.
fn level(step: usize) -> u8 {
    u8::try_from(step * 255 / (STEPS - 1)).unwrap_or(u8::MAX)
}

/// One step up and down in each channel, as far as there is one.
fn neighbours(channels: [usize; 3]) -> impl Iterator<Item = usize> {
    (0..3).flat_map(move |channel| {
        [channels[channel].checked_sub(1), Some(channels[channel] + 1).filter(|step| *step < STEPS)]
            .into_iter()
            .flatten()
            .map(move |step| {
                let mut near = channels;
                near[channel] = step;
                index_of(near)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_rule_for_plain_colours() {
        for rgb in [[255, 0, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [0, 128, 0]] {
            let entry = look_up(rgb);
            assert_eq!(entry.name, ColorName::of(Oklch::from_srgb(rgb)));
            assert!(entry.certain, "{rgb:?}");
        }
    }

    #[test]
    fn greys_count_as_colourless_and_colours_do_not() {
        assert!((0..=255).all(|level| !look_up([level; 3]).colored));
        assert!(look_up([200, 150, 150]).colored);
    }
}
