//! `authorize`: identifies the caller of a handshake.

use std::sync::Arc;

use crate::model::Caller;
use crate::ports::Clock;
use crate::token::{TokenError, Verifier};

/// Admits callers with a valid ID token, before their handshake is accepted.
#[derive(Clone)]
pub struct Authorize {
    /// Verifies ID tokens.
    pub verifier: Arc<Verifier>,
    /// Decides whether a token has expired.
    pub clock: Arc<dyn Clock>,
}

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The token is missing or invalid: the client needs another one.
    #[error("the token is missing or not good; sign in again")]
    Unauthorized,
    /// The token cannot be verified at the moment, for instance because the issuer's keys cannot be fetched. The client may
    /// retry with the same token.
    #[error("tokens cannot be verified right now")]
    Unavailable,
}

impl Authorize {
    /// Verifies the token of a handshake, as [`token::of_handshake`](crate::token::of_handshake) finds it.
    pub async fn handle(&self, token: Option<&str>) -> Result<Caller, AuthorizeError> {
        let verified = match token {
            Some(token) => self.verifier.verify(token, self.clock.now()).await,
            None => Err(TokenError::Missing),
        };
        verified.map_err(|error| {
            tracing::info!(%error, "refused a connection");
            if error.is_temporary() { AuthorizeError::Unavailable } else { AuthorizeError::Unauthorized }
        })
    }
}
