//! What all REST functions share: who calls, how requests are read, how errors are answered.

mod admission;
mod caller;
mod client;
mod conditional;
mod error;
mod headers;
mod number;
mod origin;
mod read;
mod state;
mod words;

pub use admission::Admission;
pub use caller::{Authentication, KeyHolder, Reader, SignedIn};
pub use client::ClientAddress;
pub use conditional::{Precondition, Range, Validators, http_date};
pub use error::{CODES, ErrorBody, error};
pub use headers::add_safe_headers;
pub use number::{number, whole_field, whole_number};
pub use origin::{Origin, OriginError, cross_origin};
pub use read::{Form, Json, Path, Query, fallback, wrong_method};
pub use state::{AppState, RestFunction};
