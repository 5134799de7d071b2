//! Detectors that run a model: an image classifier in ONNX, in a directory as Hugging Face lays it out.
//!
//! [`Model::read`] reads what the directory says, [`OnnxDetector::load`] opens the network and tries it, and
//! [`OnnxDetector::look`] tells what a picture shows. What fails before a picture came is a [`ModelError`], which names the file, the
//! field and the cure. `docs/models.md` has all fields.

mod detector;
mod engine;
mod model;
mod preprocess;
mod results;

pub use detector::{Inference, OnnxDetector, State};
pub use engine::{Engine, EngineError, OnnxRuntime};
pub use model::{Kind, Model, ModelError, directories};
pub use results::Thresholds;
