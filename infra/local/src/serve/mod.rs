//! One machine, put together: the ports embedded, the functions on them, the endpoints in front.

mod background;
mod detector;
mod endpoints;
mod health;
mod machine;
mod provider;
mod recover;
mod routes;
mod run;
mod socket;
mod steps;
mod translator;

pub use detector::BuiltinDetector;
pub use machine::{Machine, Parts, Place};
pub use run::{ServeError, run};
