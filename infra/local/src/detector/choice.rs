//! Which detectors are called.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use labelcast_detectors::{Engine, Inference, OnnxRuntime, directories};
use labelcast_functions::budget::MemoryBudget;
use labelcast_functions::settings::ModerationRules;

use super::builtin;
use super::http::HttpDetector;
use super::look::Look;
use super::onnx::ModelDetector;
use super::spec::DetectorSpec;

/// What an operator says of detectors.
#[derive(Debug, Clone, Default)]
pub struct DetectorOptions {
    /// Those to ask, in the order of their importance; the built-in one and all models if none is named.
    pub specs: Vec<DetectorSpec>,
    /// Where models are; beside the binary or in the data directory if it is not said.
    pub models: Option<PathBuf>,
    /// The library of ONNX Runtime, to run models with instead of what is built in.
    pub onnx_runtime: Option<PathBuf>,
    /// What the built-in one is told.
    pub builtin: builtin::Options,
}

/// What detectors share with the rest of the server.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The data directory, which may have models.
    pub data: &'a Path,
    /// What models take their memory from.
    pub memory: &'a MemoryBudget,
    /// Which moderation labels count.
    pub rules: &'a ModerationRules,
}

/// Where models are looked for beside the binary, and in the data directory.
const MODELS: &str = "models";

/// The detectors that are asked about each picture.
pub struct Chosen {
    /// The built-in one, if it is asked.
    pub builtin: Option<builtin::Options>,
    /// Those that look at pixels only, in the order of their importance.
    pub others: Vec<Arc<dyn Look>>,
}

impl Chosen {
    /// The built-in one alone.
    pub fn builtin_only(options: builtin::Options) -> Self {
        Self { builtin: Some(options), others: Vec::new() }
    }

    /// What people should know who expect things to be recognised.
    pub fn notice(&self) -> Option<String> {
        if self.others.is_empty() {
            let notice = "Pictures are labelled by their metadata and pixels only: no model or service looks at them.";
            return Some(notice.to_owned());
        }
        let notices: Vec<_> = self.others.iter().filter_map(|detector| detector.notice()).collect();
        (!notices.is_empty()).then(|| notices.join(" "))
    }

    /// Their names, for people.
    pub fn names(&self) -> Vec<String> {
        let builtin = self.builtin.iter().map(|_| "builtin".to_owned());
        builtin.chain(self.others.iter().map(|detector| detector.source().to_string())).collect()
    }
}

/// Makes the detectors.
///
/// # Errors
/// One of them cannot be made; says why.
pub async fn choose(options: &DetectorOptions, surroundings: Surroundings<'_>) -> Result<Chosen, String> {
    let specs = match &*options.specs {
        [] => all(options, surroundings.data)?,
        named => named.to_vec(),
    };
    let mut inference = None;
    let mut chosen = Chosen { builtin: None, others: Vec::new() };
    for spec in specs {
        let detector: Arc<dyn Look> = match spec {
            DetectorSpec::Builtin => {
                chosen.builtin = Some(options.builtin.clone());
                continue;
            }
            DetectorSpec::Http(url) => {
                let name = url.source();
                Arc::new(HttpDetector::new(url).map_err(|error| format!("detector {name}: {error}"))?)
            }
            DetectorSpec::Onnx(directory) => {
                let inference = match &mut inference {
                    Some(inference) => inference,
                    none => none.insert(self::inference(options, surroundings.memory)?),
                };
                Arc::new(ModelDetector::load(&directory, inference, surroundings.rules).await?)
            }
        };
        chosen.others.push(detector);
    }
    let names = chosen.names();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, twice)) => Err(format!("two detectors are called {twice}: labels could not say which found them")),
        None => Ok(chosen),
    }
}

/// The built-in one, and every model that there is.
fn all(options: &DetectorOptions, data: &Path) -> Result<Vec<DetectorSpec>, String> {
    let beside_binary = || std::env::current_exe().ok().and_then(|binary| Some(binary.parent()?.join(MODELS)));
    let models = match &options.models {
        Some(named) => models_in(named)?,
        None => {
            let beside = beside_binary().map(|place| models_in(&place)).transpose()?.unwrap_or_default();
            if beside.is_empty() { models_in(&data.join(MODELS))? } else { beside }
        }
    };
    Ok([DetectorSpec::Builtin].into_iter().chain(models.into_iter().map(DetectorSpec::Onnx)).collect())
}

/// The models in a directory that need not exist.
fn models_in(place: &Path) -> Result<Vec<PathBuf>, String> {
    match directories(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tracing::debug!(place = %place.display(), "there are no models");
            Ok(Vec::new())
        }
        Err(error) => Err(format!("the models in {} cannot be read: {error}", place.display())),
        Ok(found) => Ok(found),
    }
}

fn inference(options: &DetectorOptions, memory: &MemoryBudget) -> Result<Inference, String> {
    let engine = match &options.onnx_runtime {
        Some(library) => Engine::onnx_runtime(OnnxRuntime::load(library).map_err(|error| error.to_string())?),
        None => Engine::rten(),
    };
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(Inference::new(engine, threads, memory.clone()))
}
