use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use labelcast_detectors::{Engine, Inference, Kind, Model, OnnxDetector, directories};
use labelcast_functions::budget::MemoryBudget;
use serde_json::json;

use super::arguments::Data;
use super::failure::{Failure, Outcome};
use super::output;
use crate::memory;

/// A cat's face, by Stefan van der Walt, CC0.
const TEST_PICTURE: &[u8] = include_bytes!("../../../../tests/models/photographs/chelsea.jpg");
/// How many of the likeliest classes are shown.
const SHOWN: usize = 5;

/// List models, or try one on a photograph of a cat
#[derive(Debug, Args)]
pub(super) struct ModelsArguments {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the models in a directory: name, what it is for, classes, licence; exit status 1 if one cannot be used
    List {
        /// Directory of models; by default `models` beside the binary, else in the data directory
        #[arg(long, value_name = "DIR")]
        models: Option<PathBuf>,
        /// Print one JSON object per line: name, directory, kind, classes, licence, source, error
        #[arg(long)]
        json: bool,
    },
    /// Run a model on a photograph of a cat and print what it sees, and how long it takes
    Check {
        /// The model's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Print one JSON object: name, kind, classes, labels, moderation, likeliest, load_seconds, seconds
        #[arg(long)]
        json: bool,
    },
}

impl ModelsArguments {
    pub(super) async fn run(self) -> Outcome {
        match self.action {
            Action::List { models, json } => {
                let place = models.or_else(beside_the_binary).unwrap_or_else(|| self.data.data.join("models"));
                list(&place, json)
            }
            Action::Check { directory, json } => check(&directory, json).await,
        }
    }
}

fn beside_the_binary() -> Option<PathBuf> {
    let models = std::env::current_exe().ok()?.parent()?.join("models");
    models.is_dir().then_some(models)
}

const fn purpose(kind: Kind) -> &'static str {
    match kind {
        Kind::Labels => "labels",
        Kind::Moderation => "moderation",
    }
}

fn list(place: &Path, as_json: bool) -> Outcome {
    let found = directories(place).map_err(|error| Failure::failed(format!("{}: {error}", place.display())))?;
    let mut unusable = 0;
    for directory in &found {
        match (Model::read(directory), as_json) {
            (Ok(model), true) => output::json(&json!({"name": model.name(), "directory": directory,
                "kind": purpose(model.kind()), "classes": model.classes().len(), "licence": model.licence(),
                "source": model.source()}))?,
            (Ok(model), false) => output::line(&format!(
                "{:<24}  {:<10}  {:>6} classes  {}",
                model.name(),
                purpose(model.kind()),
                model.classes().len(),
                model.licence().unwrap_or("no licence given"),
            ))?,
            (Err(error), true) => {
                unusable += 1;
                output::json(&json!({"directory": directory, "error": error.to_string()}))?;
            }
            (Err(error), false) => {
                unusable += 1;
                output::message(&error.to_string());
            }
        }
    }
    match (found.len(), unusable) {
        (0, _) if !as_json => output::message(&format!("no models in {}", place.display())),
        (_, 0) => {}
        (all, unusable) => return Err(Failure::failed(format!("{unusable} of {all} models cannot be used"))),
    }
    Ok(())
}

async fn check(directory: &Path, as_json: bool) -> Outcome {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let inference = Inference::new(Engine::rten(), threads, MemoryBudget::new(memory::default_budget()));
    let model = Model::read(directory)?;
    let begun = Instant::now();
    let detector = OnnxDetector::load(model, &inference).await?;
    let loaded = begun.elapsed();
    let picture = Arc::new(image::load_from_memory(TEST_PICTURE)?);
    let likeliest = detector.classes(picture.clone()).await?;
    let begun = Instant::now();
    let seen = detector.look(picture).await?;
    let looked = begun.elapsed();
    let model = detector.model();
    let likeliest = likeliest.into_iter().take(SHOWN);
    if as_json {
        let likeliest: Vec<_> =
            likeliest.map(|(class, probability)| json!({"class": class, "percent": probability * 100.0})).collect();
        return Ok(output::json(&json!({"name": model.name(), "kind": purpose(model.kind()),
            "classes": model.classes().len(), "labels": seen.labels, "moderation": seen.moderation,
            "likeliest": likeliest, "load_seconds": loaded.as_secs_f64(), "seconds": looked.as_secs_f64()}))?);
    }
    let milliseconds = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1000.0);
    output::line(&format!("{}: {}, {} classes", model.name(), purpose(model.kind()), model.classes().len()))?;
    output::line(&format!("loaded and tried in {}, a picture takes {}", milliseconds(loaded), milliseconds(looked)))?;
    let labels = seen.labels.iter().map(|label| format!("{} {:.0} %", label.name, label.confidence.percent()));
    let hits = seen.moderation.iter().map(|hit| format!("{} {:.0} %", hit.name, hit.confidence.percent()));
    let seen: Vec<_> = labels.chain(hits).collect();
    output::line(&format!("sees: {}", if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") }))?;
    let likeliest: Vec<_> =
        likeliest.map(|(class, probability)| format!("{class} {:.0} %", probability * 100.0)).collect();
    Ok(output::line(&format!("likeliest classes: {}", likeliest.join(", ")))?)
}
