//! What Hugging Face's files have no field for: `detector.toml`.

use std::path::Path;

use labelcast_functions::model::{Confidence, ModerationName};
use serde_json::Value;

use super::error::ModelError;
use super::fields::Fields;
use crate::preprocess::{Channels, Layout};
use crate::results::{Activation, Thresholds};

const KNOWN: &[&str] = &[
    "kind",
    "activation",
    "layout",
    "channels",
    "labels",
    "broader_threshold",
    "specific_threshold",
    "threshold",
    "moderation",
    "licence",
    "source",
];

/// The file, with what holds where it is silent.
#[derive(Debug, Clone, Default)]
pub(super) struct DetectorToml {
    pub(super) for_moderation: bool,
    pub(super) activation: Option<Activation>,
    pub(super) layout: Option<Layout>,
    pub(super) channels: Option<Channels>,
    /// A file in the same directory.
    pub(super) labels: Option<String>,
    pub(super) thresholds: Thresholds,
    /// Classes by name, and what each becomes.
    pub(super) moderation: Vec<(String, ModerationName)>,
    pub(super) licence: Option<String>,
    pub(super) source: Option<String>,
}

impl DetectorToml {
    pub(super) fn read(file: &Path) -> Result<Self, ModelError> {
        let Some(fields) = Fields::of_toml(file)? else { return Ok(Self::default()) };
        fields.only(KNOWN)?;
        let for_moderation = one_of(&fields, "kind", &[("labels", false), ("moderation", true)])?.unwrap_or(false);
        let activations =
            [("softmax", Activation::Softmax), ("sigmoid", Activation::Sigmoid), ("none", Activation::None)];
        let standard = Thresholds::default();
        let said = Self {
            for_moderation,
            activation: one_of(&fields, "activation", &activations)?,
            layout: one_of(&fields, "layout", &[("NCHW", Layout::Nchw), ("NHWC", Layout::Nhwc)])?,
            channels: one_of(&fields, "channels", &[("RGB", Channels::Rgb), ("BGR", Channels::Bgr)])?,
            labels: fields.get("labels", "the name of a file in the same directory")?,
            thresholds: Thresholds {
                broader: percent(&fields, "broader_threshold", standard.broader)?,
                specific: percent(&fields, "specific_threshold", standard.specific)?,
                moderation: percent(&fields, "threshold", standard.moderation)?,
            },
            moderation: moderation(&fields)?,
            licence: fields.get("licence", "a text")?,
            source: fields.get("source", "a text")?,
        };
        said.check(&fields)?;
        Ok(said)
    }

    fn check(&self, fields: &Fields) -> Result<(), ModelError> {
        if self.for_moderation && self.moderation.is_empty() {
            let cure = "Write below `[moderation]` which name each class becomes, for instance explicit = \"Explicit\"";
            return Err(fields.fault("moderation", "no class becomes a moderation label", cure));
        }
        if !self.for_moderation && fields.has("moderation") {
            let cure = "Write kind = \"moderation\", or remove the table";
            return Err(fields.fault("moderation", "the model is for labels, not for moderation", cure));
        }
        let name = self.labels.as_deref().unwrap_or("labels.tsv");
        if Path::new(name).components().count() != 1 || Path::new(name).file_name().is_none() {
            return Err(fields.wrong("labels", &format!("`{name}`"), "the name of a file in the same directory"));
        }
        Ok(())
    }
}

/// The value that a word stands for.
fn one_of<T: Copy>(fields: &Fields, field: &str, words: &[(&str, T)]) -> Result<Option<T>, ModelError> {
    let form = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    let Some(said) = fields.get::<String>(field, &form)? else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == said).map(|(_, value)| *value);
    found.map(Some).ok_or_else(|| fields.wrong(field, &format!("`{said}`"), &form))
}

fn percent(fields: &Fields, field: &str, default: Confidence) -> Result<Confidence, ModelError> {
    const FORM: &str = "a number from 0 to 100";
    let Some(percent) = fields.get::<f64>(field, FORM)? else { return Ok(default) };
    Confidence::from_percent(percent).ok_or_else(|| fields.wrong(field, &format!("`{percent}`"), FORM))
}

fn moderation(fields: &Fields) -> Result<Vec<(String, ModerationName)>, ModelError> {
    let Some(table) = fields.within("moderation")? else { return Ok(Vec::new()) };
    let known = |(class, name): (&String, &Value)| {
        let found = name.as_str().and_then(ModerationName::find);
        let form = "a name of Rekognition's moderation taxonomy, for instance \"Explicit\"; docs/detector.md says where they are";
        found.map(|found| (class.clone(), found)).ok_or_else(|| table.wrong(class, &format!("`{name}`"), form))
    };
    table.all().map(known).collect()
}
