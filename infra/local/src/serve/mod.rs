//! One machine, put together: the ports embedded, the functions on them, the endpoints in front.

mod backend;
mod background;
mod detectors;
mod endpoints;
mod error;
mod health;
mod jobs;
mod machine;
mod options;
mod place;
mod provider;
mod recover;
mod routes;
mod run;
mod socket;
mod translator;

pub use detectors::LooksAtPictures;
pub use error::ServeError;
pub use machine::{Components, Machine};
pub use options::ServeOptions;
pub use place::Place;
pub use run::run;
