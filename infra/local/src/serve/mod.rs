//! One machine, put together: the ports embedded, the functions on them, the doors in front.

mod detector;
mod health;
mod machine;
mod recover;
mod routes;
mod run;
mod steps;
mod translator;

pub use detector::BuiltinDetector;
pub use machine::{Machine, Parts, Place};
pub use run::{ServeError, run};
