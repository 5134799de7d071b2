//! ID tokens as Cognito issues them, and the one verifier of both backends.
//!
//! Source: "Verifying JSON web tokens" in the Amazon Cognito developer guide; RFC 7515 and RFC 7519.

mod carrier;
mod error;
mod keys;
mod verified;
mod verifier;

pub use carrier::{bearer, of_handshake};
pub use error::TokenError;
pub use keys::{KeySource, KeySourceError};
pub use verifier::Verifier;

/// The longest token that is looked at, in bytes: larger ones do not fit into headers either.
pub const MAX_TOKEN: usize = 8 << 10;
