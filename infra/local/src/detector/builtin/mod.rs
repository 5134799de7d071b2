//! The detector without a model: it says only what a picture carries or what can be measured in it.
//!
//! What each label means, from which value on it is given and what its confidence tells is in `docs/detector.md`.

mod color;
mod keywords;
mod light;
mod metadata;
mod moderation;
mod oklab;
mod picture;
mod qr;
mod shape;
mod sharpness;
mod transparency;

use image::DynamicImage;
use labelcast_functions::imaging::{self, Probe, Rejection, WORKING_SIDE};
use labelcast_functions::model::{Confidence, Detection, Label, LabelName};

use self::metadata::Metadata;
use self::picture::Picture;

/// Looks at one picture. Blocks for as long as decoding takes, and takes the memory that [`Probe::memory`] says.
pub fn detect(bytes: &[u8]) -> Result<Detection, Rejection> {
    detect_probed(bytes, &imaging::probe(bytes)?)
}

/// The same, of bytes whose headers were read.
pub fn detect_probed(bytes: &[u8], probe: &Probe) -> Result<Detection, Rejection> {
    let cleaned = imaging::without_private_metadata(bytes, probe.content_type, probe.orientation)?;
    Ok(examine(bytes, probe, &imaging::decode(&cleaned, probe, WORKING_SIDE)?))
}

/// Says what a decoded picture shows: the keywords in its bytes first, then what its pixels show.
pub fn examine(bytes: &[u8], probe: &Probe, decoded: &DynamicImage) -> Detection {
    let picture = Picture::of(decoded, probe);
    let carried = keywords::read(&Metadata::read(probe.content_type, bytes));
    let pixels = color::Pixels::of(&picture.small);

    let mut findings = Findings::default();
    for keyword in &carried.keywords {
        findings.add(keyword.clone(), Confidence::FULL);
    }
    findings.add_all(qr::find(&picture.grey));
    findings.add_all(shape::judge(picture.width, picture.height));
    findings.add_all(light::judge(&picture.small));
    findings.add_all(sharpness::judge(&picture.medium));
    findings.add_all(pixels.monochrome());
    findings.add_all(transparency::judge(&picture.small));
    findings.add_all(pixels.labels());

    Detection {
        labels: findings.labels,
        moderation: moderation::judge(&carried.keywords, carried.needs_adult_warning),
        colors: pixels.dominant(),
    }
}

/// One of the detector's own labels, and how sure it is.
type Finding = (&'static str, Confidence);

/// The labels so far, each name once: a keyword `red` stands, and a red picture does not repeat it.
#[derive(Default)]
struct Findings {
    labels: Vec<Label>,
}

impl Findings {
    fn add(&mut self, name: LabelName, confidence: Confidence) {
        if self.labels.iter().all(|label| label.name != name) {
            self.labels.push(Label { name, confidence });
        }
    }

    fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for (name, confidence) in findings {
            self.add(LabelName::fold(name).expect("the detector's own names are labels"), confidence);
        }
    }
}

/// How sure a measurement is: 85 at the threshold, 100 at `certain` and beyond, straight in between.
/// `None` on the other side of the threshold: a borderline picture gets no label at all.
fn beyond(value: f64, threshold: f64, certain: f64) -> Option<Confidence> {
    let way = (value - threshold) / (certain - threshold);
    (way >= 0.0).then(|| Confidence::from_percent(85.0 + 15.0 * way.min(1.0)).unwrap_or(Confidence::FULL))
}

/// Every label that the pixels can give, for the glossary.
#[cfg(test)]
pub(crate) fn own_labels() -> Vec<&'static str> {
    let mut names = vec![qr::LABEL, sharpness::SHARP, sharpness::BLURRED, light::DARK, light::BRIGHT];
    names.extend([color::MONOCHROME, transparency::LABEL]);
    names.extend(shape::LABELS);
    names.extend(color::ColorName::ALL.map(color::ColorName::as_str));
    names
}

/// Every name of the moderation taxonomy, for the glossary.
#[cfg(test)]
pub(crate) fn moderation_names() -> impl Iterator<Item = &'static str> {
    labelcast_functions::model::ModerationName::ALL.iter().map(|name| name.as_str())
}

#[cfg(test)]
mod tests;
