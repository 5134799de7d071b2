//! Detectors: what tells what a picture shows.

pub mod builtin;
