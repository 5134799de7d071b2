//! Detectors: what tells what a picture shows.

pub mod builtin;
mod choice;
mod http;
mod look;
mod spec;

pub use choice::{Chosen, DetectorOptions, choose};
pub use http::{HttpDetector, ServiceUrl, ServiceUrlError};
pub use look::Look;
pub use spec::DetectorSpec;
