//! The detector without a model: it says only what a picture carries or what can be measured in it.
//!
//! The meaning of each label, its threshold and its confidence are described in `docs/detector.md`.

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

use bytes::Bytes;
use image::DynamicImage;
use labelcast_functions::images::merged;
use labelcast_functions::imaging::{self, PictureFile, Rejection, WORKING_SIDE};
use labelcast_functions::model::{Confidence, Detection, Label, LabelName, Source};
use labelcast_functions::settings::Settings;

use self::metadata::Metadata;
use self::picture::Picture;
pub use moderation::EverydayWord;

/// What an operator can set of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Labels below this confidence are dropped. Colours begin at 50, all others at 85.
    pub min_confidence: Confidence,
    /// The everyday words among the names of the moderation taxonomy that make a picture offensive as keywords do.
    pub moderation_keywords: Vec<EverydayWord>,
}

impl Default for Options {
    fn default() -> Self {
        Self { min_confidence: Settings::default().min_confidence, moderation_keywords: Vec::new() }
    }
}

/// What it says of a picture, in two parts: what models see is less important than the first and more so than the second.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// What the metadata says: keywords and moderation labels.
    pub carried: Detection,
    /// What the pixels show.
    pub measured: Detection,
}

impl From<Examined> for Detection {
    fn from(Examined { carried, measured }: Examined) -> Self {
        merged([carried, measured])
    }
}

/// Looks at one picture. Blocks for as long as decoding takes, and takes the memory that [`PictureFile::memory`] says.
pub fn detect(bytes: &[u8]) -> Result<Detection, Rejection> {
    let file = PictureFile::read(Bytes::copy_from_slice(bytes))?;
    let decoded = imaging::decode(&file.without_private_metadata()?, file.probe(), WORKING_SIDE)?;
    Ok(examine(&file, &decoded, &Options::default()).into())
}

/// Says what a decoded picture shows: the keywords in its file, and what its pixels show.
pub fn examine(file: &PictureFile, decoded: &DynamicImage, options: &Options) -> Examined {
    let picture = Picture::of(decoded, file.probe());
    let carried = keywords::read(&Metadata::read(file.parts()));
    let pixels = color::Pixels::of(&picture.small);

    let mut given = Findings::default();
    for keyword in &carried.keywords {
        given.add(keyword.clone(), Confidence::FULL);
    }
    let mut measured = Findings::default();
    measured.add_all(qr::find(&picture.grey));
    measured.add_all(shape::judge(picture.width, picture.height));
    measured.add_all(light::judge(&picture.small));
    measured.add_all(sharpness::judge(&picture.medium));
    measured.add_all(pixels.monochrome());
    measured.add_all(transparency::judge(&picture.small));
    measured.add_all(pixels.labels());
    measured.labels.retain(|label| label.confidence >= options.min_confidence);

    let moderation = moderation::judge(&carried.keywords, carried.needs_adult_warning, &options.moderation_keywords);
    Examined {
        carried: Detection { labels: given.labels, moderation, ..Detection::default() },
        measured: Detection { labels: measured.labels, colors: pixels.dominant(), ..Detection::default() },
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
            self.labels.push(Label::new(name, confidence).found_by(&Source::BUILTIN));
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
    names.extend(<color::ColorName as strum::VariantArray>::VARIANTS.iter().map(|name| name.as_str()));
    names
}

/// Every name of the moderation taxonomy, for the glossary.
#[cfg(test)]
pub(crate) fn moderation_names() -> impl Iterator<Item = &'static str> {
    labelcast_functions::model::ModerationName::ALL.iter().map(|name| name.as_str())
}

#[cfg(test)]
mod tests;
