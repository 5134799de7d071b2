//! The check of what comes back signed, as AWS does it: forms, links and requests of SDKs.
//!
//! What both sides sign with is in `labelcast_functions::signing`. Source: as there.

mod condition;
mod error;
mod form;
mod header;
mod link;
mod received;
#[cfg(test)]
mod samples;
mod scope;

use aws_lc_rs::constant_time;
use chrono::Duration;
use labelcast_functions::signing::Credentials;

pub use error::S3Error;
pub use form::{Accepted, IncomingForm, PostPolicy};
pub use header::{SignatureError, check_signed_headers};
pub use link::check_presigned;
pub use received::Received;

/// How much the clocks of signer and checker may differ.
const MAX_SKEW: Duration = Duration::minutes(15);

/// Finds the key pair of an access key id: any function from `&str` to `Option<Credentials>`.
pub trait KeyLookup: Fn(&str) -> Option<Credentials> {}

impl<F: Fn(&str) -> Option<Credentials>> KeyLookup for F {}

/// Whether the token that came with a request is the one that belongs to this pair.
fn has_token(credentials: &Credentials, sent: Option<&str>) -> bool {
    match (&credentials.session_token, sent) {
        (None, None) => true,
        (Some(ours), Some(sent)) => constant_time::verify_slices_are_equal(ours.as_bytes(), sent.as_bytes()).is_ok(),
        _ => false,
    }
}
