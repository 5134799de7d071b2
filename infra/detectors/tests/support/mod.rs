//! What the tests of models share.
#![allow(dead_code, reason = "each test uses a part")]

pub mod onnx;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, Rgb, RgbImage};
use labelcast_detectors::{Engine, Inference, Model, ModelError, OnnxDetector};
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use onnx::{Attribute, Network, Side};
use tempfile::TempDir;

/// The means of red, green and blue, four by four pixels, times eight.
pub fn colours(batch: Side) -> Network {
    Network::new(&[batch, Side::Fixed(3), Side::Fixed(4), Side::Fixed(4)])
        .node("GlobalAveragePool", &["pixel_values"], "means", &[])
        .node("Flatten", &["means"], "flat", &[])
        .floats("eight", &[1], &[8.0])
        .node("Mul", &["flat", "eight"], "logits", &[])
}

pub const NAMES: &str = r#"{"id2label": {"0": "red", "1": "green", "2": "blue"}}"#;
/// From 0 to 1.
pub const STEPS: &str = r#"{"size": {"height": 4, "width": 4}, "resample": 2, "do_normalize": false}"#;

/// A model's directory that is removed with it.
pub struct Directory(TempDir);

impl Directory {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("model").tempdir().unwrap())
    }

    /// A model of three classes that sees colours.
    pub fn of_colours() -> Self {
        Self::new().with_network(&colours(Side::Any)).with("config.json", NAMES).with("preprocessor_config.json", STEPS)
    }

    #[must_use]
    pub fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    #[must_use]
    pub fn with_network(self, network: &Network) -> Self {
        self.with("model.onnx", network.to_bytes())
    }

    #[must_use]
    pub fn without(self, file: &str) -> Self {
        std::fs::remove_file(self.0.path().join(file)).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn read(&self) -> Result<Model, ModelError> {
        Model::read(self.path())
    }

    pub async fn load(&self) -> Result<OnnxDetector, ModelError> {
        self.load_in(&inference()).await
    }

    pub async fn load_in(&self, inference: &Inference) -> Result<OnnxDetector, ModelError> {
        OnnxDetector::load(self.read()?, inference).await
    }

    /// What is said about it, after its own path.
    pub async fn refusal(&self) -> String {
        let Err(error) = self.load().await else { panic!("the model is taken") };
        error.to_string().replace(&format!("{}/", self.path().display()), "")
    }
}

pub fn inference() -> Inference {
    Inference::new(Engine::rten(), NonZeroUsize::new(2).unwrap(), memory())
}

pub fn memory() -> MemoryBudget {
    MemoryBudget::new(ByteSize::mib(256))
}

/// A picture of one colour.
pub fn plain(colour: [u8; 3]) -> Arc<DynamicImage> {
    Arc::new(RgbImage::from_pixel(100, 80, Rgb(colour)).into())
}

/// An integer attribute, since some nodes need one.
pub fn axis(number: u64) -> Attribute {
    Attribute::integer("axis", number)
}
