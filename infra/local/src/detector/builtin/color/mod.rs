//! The dominant colours of a picture, by Rekognition's simplified names.

mod name;
mod table;

use image::{Rgba, RgbaImage};
use labelcast_functions::model::{Color, Confidence};
use strum::VariantArray;

use super::{Finding, beyond};
pub(super) use name::ColorName;

pub(super) const MONOCHROME: &str = "monochrome";

/// Percent of the pixels from which a colour is listed at all.
const LISTED_FROM: f64 = 1.0;
/// Percent of the pixels from which a colour is a label.
const LABEL_FROM: f64 = 15.0;
/// Percent of certain pixels that make a label certain. A quarter of the picture gives 85.
const CERTAIN_FROM: f64 = 35.7;
/// Share of coloured pixels up to which a picture is monochrome, and without doubt.
const MONOCHROME_UP_TO: f64 = 0.01;
const SURELY_MONOCHROME: f64 = 0.001;

/// Pixels that are more than half clear are not seen, and have neither colour nor light.
pub(super) fn is_seen(pixel: Rgba<u8>) -> bool {
    pixel.0[3] >= 128
}

/// The pixels of a picture, sorted by the name of their colour.
pub(super) struct Pixels {
    /// Most frequent first; only colours that occur.
    clusters: Vec<Cluster>,
    seen: u32,
    colored: u32,
}

/// The pixels of one colour.
#[derive(Clone, Copy)]
struct Cluster {
    name: ColorName,
    count: u32,
    certain: u32,
    /// Of each channel.
    sums: [u64; 3],
}

impl Pixels {
    pub(super) fn of(picture: &RgbaImage) -> Self {
        let names = ColorName::VARIANTS.iter();
        let mut clusters: Vec<_> = names.map(|&name| Cluster { name, count: 0, certain: 0, sums: [0; 3] }).collect();
        let (mut seen, mut colored) = (0, 0);
        for pixel in picture.pixels().filter(|pixel| is_seen(**pixel)) {
            let [red, green, blue, _] = pixel.0;
            let entry = table::look_up([red, green, blue]);
            let cluster = &mut clusters[entry.name as usize];
            cluster.count += 1;
            cluster.certain += u32::from(entry.certain);
            for (sum, channel) in cluster.sums.iter_mut().zip([red, green, blue]) {
                *sum += u64::from(channel);
            }
            seen += 1;
            colored += u32::from(entry.colored);
        }
        let mut clusters: Vec<_> = clusters.into_iter().filter(|cluster| cluster.count > 0).collect();
        clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.count));
        Self { clusters, seen, colored }
    }

    /// The colours with at least 1 % of the seen pixels, most frequent first.
    pub(super) fn dominant(&self) -> Vec<Color> {
        self.clusters
            .iter()
            .filter_map(|cluster| {
                let percent = self.percent(cluster.count);
                (percent >= LISTED_FROM).then(|| Color {
                    name: cluster.name.as_str().to_owned(),
                    hex: cluster.mean(),
                    percent: Confidence::from_percent(percent).unwrap_or(Confidence::FULL),
                })
            })
            .collect()
    }

    /// The colours with at least 15 %. Sure is what stays by its name when it is shifted a little: the confidence
    /// grows from 50 with the share of such pixels, to 85 at a quarter of the picture and 100 at 36 %.
    pub(super) fn labels(&self) -> Vec<Finding> {
        self.clusters
            .iter()
            .filter(|cluster| self.percent(cluster.count) >= LABEL_FROM)
            .map(|cluster| {
                let sure = (self.percent(cluster.certain) / CERTAIN_FROM).min(1.0);
                let confidence = Confidence::from_percent(50.0 + 50.0 * sure);
                (cluster.name.as_str(), confidence.unwrap_or(Confidence::FULL))
            })
            .collect()
    }

    /// `monochrome` where there is nothing but black, grey and white.
    pub(super) fn monochrome(&self) -> Option<Finding> {
        if self.seen == 0 {
            return None;
        }
        let share = f64::from(self.colored) / f64::from(self.seen);
        beyond(share, MONOCHROME_UP_TO, SURELY_MONOCHROME).map(|confidence| (MONOCHROME, confidence))
    }

    fn percent(&self, count: u32) -> f64 {
        f64::from(count) * 100.0 / f64::from(self.seen.max(1))
    }
}

impl Cluster {
    fn mean(&self) -> String {
        let count = u64::from(self.count.max(1));
        let [red, green, blue] = self.sums.map(|sum| (sum + count / 2) / count);
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests;
