//! A model: a directory as Hugging Face lays it out, and what it says.

mod classes;
mod detector_toml;
mod error;
mod fields;
mod files;
mod preprocessor;
mod table;
#[cfg(test)]
mod tests;
mod timm;

use std::path::{Path, PathBuf};

use labelcast_functions::model::{Detection, LabelName, ModerationName, Source, SourceError};

use classes::Classes;
use detector_toml::DetectorToml;
pub use error::ModelError;
use fields::Fields;
pub use files::directories;

use crate::preprocess::{Channels, Layout, Steps};
use crate::results::{self, Activation, Combination, Group, Rank, Thresholds};

/// What a model's directory says of it. That its network is as described, [`crate::OnnxDetector::load`] finds out.
#[derive(Debug, Clone)]
pub struct Model {
    directory: PathBuf,
    name: Source,
    network: PathBuf,
    names: Vec<String>,
    groups: Groups,
    thresholds: Thresholds,
    pub(crate) activation: Activation,
    combination: Combination,
    pub(crate) steps: Steps,
    pub(crate) layout: Option<Layout>,
    pub(crate) channels: Channels,
    licence: Option<String>,
    source: Option<String>,
    /// Which file says what is done to a picture.
    steps_file: PathBuf,
    /// Which file names the classes.
    names_file: PathBuf,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It says what a picture shows.
    Labels,
    /// It says what may offend.
    Moderation,
}

/// What the classes stand for.
#[derive(Debug, Clone)]
enum Groups {
    Labels(Vec<Group<LabelName>>),
    Moderation(Vec<Group<ModerationName>>),
}

impl Model {
    /// Reads the descriptions in a directory. Small files; the network itself is not read.
    ///
    /// # Errors
    /// What is missing, or makes no sense.
    pub fn read(directory: &Path) -> Result<Self, ModelError> {
        let network = files::network(directory)?;
        let said = DetectorToml::read(&directory.join("detector.toml"))?;
        let config_file = directory.join("config.json");
        let config = Fields::of_json(&config_file)?;
        let classes = Classes::of(config.as_ref())?;
        let steps = steps(directory, config.as_ref())?;
        let (groups, names) = groups(directory, &said, &classes)?;
        let activation = said.activation.unwrap_or_else(|| classes.activation());
        let several = activation == Activation::Sigmoid || (activation == Activation::None && classes.several);
        let absolute = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let name = absolute.file_name().unwrap_or_default().to_string_lossy();
        let name: Source = name.parse().map_err(|error: SourceError| {
            ModelError::of_file(
                directory,
                error.to_string(),
                "Rename the directory, since labels name it as their source",
            )
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            name,
            network,
            names,
            groups,
            thresholds: said.thresholds,
            activation,
            combination: if several { Combination::Any } else { Combination::One },
            steps: steps.steps,
            layout: said.layout,
            channels: said.channels.unwrap_or(steps.channels),
            licence: said.licence,
            source: said.source,
            steps_file: steps.file,
            names_file: said.labels.map_or(config_file, |labels| directory.join(labels)),
        })
    }

    /// With these thresholds in place of those of the directory.
    #[must_use]
    pub fn with_thresholds(self, thresholds: Thresholds) -> Self {
        Self { thresholds, ..self }
    }

    /// The name of its directory, which its labels have as their source.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The same, as it stands in labels.
    pub fn as_source(&self) -> &Source {
        &self.name
    }

    /// As it was given to [`Model::read`].
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file with the network, in ONNX.
    pub fn network(&self) -> &Path {
        &self.network
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        match self.groups {
            Groups::Labels(_) => Kind::Labels,
            Groups::Moderation(_) => Kind::Moderation,
        }
    }

    /// The names of its classes, by number.
    pub fn classes(&self) -> &[String] {
        &self.names
    }

    /// From which confidence on what it sees counts.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Under which licence it may be used, if its directory says so.
    pub fn licence(&self) -> Option<&str> {
        self.licence.as_deref()
    }

    /// Where it comes from, if its directory says so.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The fault that the network's classes are not those that have names.
    pub(crate) fn wrong_number_of_names(&self, found: usize) -> ModelError {
        let named = self.names.len();
        let problem = format!("it names {named} classes, and the network answers {found} numbers");
        let cure = "Name each class of the network, in its order, also those that mean nothing, such as `background`";
        match self.names_file.extension() {
            Some(extension) if extension == "json" => ModelError::of_field(&self.names_file, "id2label", problem, cure),
            _ => ModelError::of_file(&self.names_file, problem, cure),
        }
    }

    /// The fault that the network answers something else than probabilities.
    pub(crate) fn wrong_activation(&self, problem: &str) -> ModelError {
        let cure = "Write \"softmax\" if one class is right, \"sigmoid\" if any may be";
        ModelError::of_field(&self.directory.join("detector.toml"), "activation", problem, cure)
    }

    /// The fault that the network takes pictures of another size.
    pub(crate) fn wrong_size(&self, shape: &str) -> ModelError {
        let size = self.steps.size();
        let problem = format!("pictures come out {} × {}, and the network's input is {shape}", size.height, size.width);
        let field = if self.steps.crops() { "crop_size" } else { "size" };
        ModelError::of_field(&self.steps_file, field, problem, "Write the height and width that the network takes")
    }

    /// What a picture shows whose classes have these probabilities.
    pub(crate) fn detection(&self, probabilities: &[f64]) -> Detection {
        let combination = self.combination;
        match &self.groups {
            Groups::Labels(groups) => Detection {
                labels: results::labels(groups, probabilities, combination, self.thresholds, &self.name),
                ..Detection::default()
            },
            Groups::Moderation(groups) => Detection {
                moderation: results::moderation(groups, probabilities, combination, self.thresholds, &self.name),
                ..Detection::default()
            },
        }
    }
}

/// What is done to a picture first, and where that stands.
struct Described {
    steps: Steps,
    channels: Channels,
    file: PathBuf,
}

/// Hugging Face's file, or else timm's.
fn steps(directory: &Path, config: Option<&Fields>) -> Result<Described, ModelError> {
    let file = directory.join("preprocessor_config.json");
    if let Some(fields) = Fields::of_json(&file)? {
        let (steps, channels) = (preprocessor::steps(&fields)?, preprocessor::channels(&fields)?);
        return Ok(Described { steps, channels, file });
    }
    if let Some(fields) = config.map(|config| config.within("pretrained_cfg")).transpose()?.flatten() {
        let file = fields.file().to_owned();
        return Ok(Described { steps: timm::steps(&fields)?, channels: Channels::Rgb, file });
    }
    let cure = "Write it with `size`, `resample`, `crop_size`, `rescale_factor`, `image_mean` and `image_std` as the model was trained; \
        docs/models.md has an example";
    Err(ModelError::of_file(&file, "there is no such file, so nobody knows what to do to a picture first", cure))
}

/// What the classes stand for, and their names.
fn groups(directory: &Path, said: &DetectorToml, classes: &Classes) -> Result<(Groups, Vec<String>), ModelError> {
    if said.for_moderation {
        return Ok((Groups::Moderation(moderation(directory, said, classes)?), classes.names.clone()));
    }
    let config = directory.join("config.json");
    let Some(file) = &said.labels else {
        let unnamed = classes.names.is_empty() || classes.are_unnamed();
        return match unnamed {
            true => Err(classes::unnamed(&config)),
            false => Ok((Groups::Labels(table::of_names(&classes.names)), classes.names.clone())),
        };
    };
    let file = directory.join(file);
    let table = table::read(&file)?;
    let (listed, named) = (table.names.len(), classes.names.len());
    if named != 0 && named != listed {
        let problem = format!("it has {listed} classes, and config.json names {named}");
        return Err(ModelError::of_file(&file, problem, "Make both lists the same classes in the same order"));
    }
    let names = if named == 0 { table.names } else { classes.names.clone() };
    Ok((Groups::Labels(table.groups), names))
}

/// For each name of the taxonomy the classes that become it or a name below it.
fn moderation(
    directory: &Path,
    said: &DetectorToml,
    classes: &Classes,
) -> Result<Vec<Group<ModerationName>>, ModelError> {
    if classes.names.is_empty() {
        return Err(classes::unnamed(&directory.join("config.json")));
    }
    let mut groups: Vec<Group<ModerationName>> = Vec::new();
    for (class, name) in &said.moderation {
        let number = classes.names.iter().position(|known| known == class).ok_or_else(|| {
            let cure = format!("Name classes as config.json does: {}", shortened(&classes.names));
            let file = directory.join("detector.toml");
            ModelError::of_field(&file, &format!("moderation.{class}"), "the model has no such class", cure)
        })?;
        for name in name.with_those_above() {
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.classes.push(number),
                None => groups.push(Group { name, rank: Rank::Broader, classes: vec![number], broader: Vec::new() }),
            }
        }
    }
    Ok(groups)
}

fn shortened(names: &[String]) -> String {
    let shown = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 8 { format!("{shown}, …") } else { shown }
}
