//! `authorize`: who opens a socket.

use std::sync::Arc;

use crate::model::Caller;
use crate::ports::Clock;
use crate::token::{TokenError, Verifier};

/// Lets those in who show a good token.
#[derive(Clone)]
pub struct Authorize {
    /// Of ID tokens.
    pub verifier: Arc<Verifier>,
    /// Tokens end.
    pub clock: Arc<dyn Clock>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The token is missing or not good: another one is needed.
    #[error("the token is missing or not good; sign in again")]
    Unauthorized,
    /// Whether the token is good cannot be known now, for instance because the issuer's keys cannot be fetched. It is worth
    /// trying again with the same token.
    #[error("tokens cannot be verified right now")]
    Unavailable,
}

impl Authorize {
    /// Verifies the token of somebody who connects, as [`token::of_handshake`](crate::token::of_handshake) finds it.
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
