//! Detectors, which find labels in pictures.

pub mod builtin;
mod choice;
mod http;
mod look;
mod onnx;
mod spec;

pub use choice::{Chosen, DetectorOptions, Surroundings, choose};
pub use http::{HttpDetector, ServiceUrl, ServiceUrlError};
pub use look::Look;
pub use spec::DetectorSpec;
