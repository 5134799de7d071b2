//! What all REST functions share: who calls, how requests are read, how errors are answered.

mod caller;
mod client;
mod error;
mod read;

pub use caller::{Door, KeyHolder, Reader, SignedIn};
pub use client::ClientAddress;
pub use error::ErrorBody;
pub use read::{Json, Path, Query, fallback, wrong_method};
