//! The names of a model's classes, and whether one of them is right or any may be: `config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::error::ModelError;
use super::fields::Fields;
use crate::results::Activation;

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    /// By number; empty if they have no names.
    pub(super) names: Vec<String>,
    /// Any number of classes may be right at once.
    pub(super) several: bool,
}

impl Classes {
    pub(super) fn of(config: Option<&Fields>) -> Result<Self, ModelError> {
        let Some(config) = config else { return Ok(Self { names: Vec::new(), several: false }) };
        let several = several(config)?;
        let mut names = id2label(config)?;
        if names.is_empty() {
            names = of_timm(config)?;
        }
        Ok(Self { names, several })
    }

    /// What makes probabilities of the numbers, if nobody says otherwise.
    pub(super) fn activation(&self) -> Activation {
        if self.several { Activation::Sigmoid } else { Activation::Softmax }
    }

    /// Nobody named the classes: numbered as Hugging Face's exporters do it, or WordNet's numbers.
    pub(super) fn are_unnamed(&self) -> bool {
        let numbered = |name: &String| {
            let digits =
                name.strip_prefix("LABEL_").or_else(|| name.strip_prefix('n').filter(|number| number.len() == 8));
            digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.names.iter().all(numbered)
    }
}

fn several(config: &Fields) -> Result<bool, ModelError> {
    const FORMS: &str = "\"single_label_classification\" or \"multi_label_classification\"";
    match config.get::<String>("problem_type", FORMS)?.as_deref() {
        None | Some("single_label_classification") => Ok(false),
        Some("multi_label_classification") => Ok(true),
        Some(other) => Err(config.fault(
            "problem_type",
            &format!("the model is for `{other}`, and only classifiers are run here"),
            &format!("Use an image classifier, with {FORMS}"),
        )),
    }
}

/// `{"0": "tench", "1": "goldfish"}`.
fn id2label(config: &Fields) -> Result<Vec<String>, ModelError> {
    const FORM: &str = "each class's number from 0 on with its name, for instance {\"0\": \"cat\", \"1\": \"dog\"}";
    let given: BTreeMap<String, String> = config.get_or("id2label", FORM, BTreeMap::new())?;
    let count = given.len();
    let mut names = vec![None; count];
    for (number, name) in given {
        let place = number.parse::<usize>().ok().and_then(|number| names.get_mut(number));
        let place = place.ok_or_else(|| {
            let problem = format!("`{number}` is no number from 0 to {}, and there are {count} names", count - 1);
            config.fault("id2label", &problem, &format!("Write {FORM}"))
        })?;
        *place = Some(name);
    }
    let missing = |(number, name): (usize, Option<String>)| {
        let problem = format!("class {number} has no name, and there are {count} names");
        name.ok_or_else(|| config.fault("id2label", &problem, &format!("Write {FORM}")))
    };
    names.into_iter().enumerate().map(missing).collect()
}

/// `label_names` and `label_descriptions` of timm, at the top or in `pretrained_cfg`.
fn of_timm(config: &Fields) -> Result<Vec<String>, ModelError> {
    const NAMES: &str = "the names of the classes in a list";
    const DESCRIPTIONS: &str = "the names in `label_names`, each with what it means";
    let within = config.within("pretrained_cfg")?;
    for fields in [Some(config), within.as_ref()].into_iter().flatten() {
        // A list's name stands there as well: `imagenet-1k`.
        if let Some(Value::Array(_)) = fields.get::<Value>("label_names", NAMES)? {
            let names: Vec<String> = fields.get_or("label_names", NAMES, Vec::new())?;
            let described: BTreeMap<String, String> =
                fields.get_or("label_descriptions", DESCRIPTIONS, BTreeMap::new())?;
            return Ok(names.into_iter().map(|name| described.get(&name).cloned().unwrap_or(name)).collect());
        }
    }
    Ok(Vec::new())
}

/// The fault that a model's classes have no names.
pub(super) fn unnamed(config: &Path) -> ModelError {
    ModelError::of_field(
        config,
        "id2label",
        "the classes have no names that people read",
        "Write each class's number with its name, or a table of labels as docs/models.md has it",
    )
}
