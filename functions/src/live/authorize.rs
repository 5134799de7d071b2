//! `authorize`: the WebSocket REQUEST authorizer.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::context_of;
use crate::ports::Clock;
use crate::token::{self, TokenError, Verifier};

/// The function's parts.
#[derive(Clone)]
pub struct Authorize {
    /// Of ID tokens.
    pub verifier: Arc<Verifier>,
    /// Tokens end.
    pub clock: Arc<dyn Clock>,
}

/// The REQUEST authorizer's event, as far as it is read here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    /// What is asked for.
    pub method_arn: String,
    /// As the client sent them, in its case.
    #[serde(default)]
    pub headers: HashMap<String, String>,
}

/// The answer that lets a connection through.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerAnswer {
    /// The user.
    pub principal_id: String,
    /// Allows what was asked for, and nothing else.
    pub policy_document: PolicyDocument,
    /// Reaches every later event of the connection; texts only.
    pub context: HashMap<String, String>,
}

/// An IAM policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// Always `2012-10-17`.
    pub version: String,
    /// One statement.
    pub statement: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// `execute-api:Invoke`
    pub action: String,
    /// `Allow`
    pub effect: String,
    /// The method's ARN.
    pub resource: String,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The token is not good. API Gateway answers 401 only if the function fails with exactly this word.
    #[error("Unauthorized")]
    Unauthorized,
    /// Whether the token is good cannot be known now, for instance because the issuer's keys cannot be fetched. It is worth
    /// trying again with the same token: API Gateway answers 500 to any other word, one machine 503.
    #[error("tokens cannot be verified right now")]
    Unavailable,
}

impl Authorize {
    /// Verifies the token of somebody who connects.
    pub async fn handle(&self, event: AuthorizerEvent) -> Result<AuthorizerAnswer, AuthorizeError> {
        let verified = match token_of(&event.headers) {
            Some(token) => self.verifier.verify(token, self.clock.now()).await,
            None => Err(TokenError::Missing),
        };
        let caller = verified.map_err(|error| {
            tracing::info!(%error, "refused a connection");
            if error.is_temporary() { AuthorizeError::Unavailable } else { AuthorizeError::Unauthorized }
        })?;
        let allow = Statement {
            action: "execute-api:Invoke".to_owned(),
            effect: "Allow".to_owned(),
            resource: event.method_arn,
        };
        Ok(AuthorizerAnswer {
            principal_id: caller.user.to_string(),
            policy_document: PolicyDocument { version: "2012-10-17".to_owned(), statement: vec![allow] },
            context: context_of(&caller),
        })
    }
}

/// The token from the header, else from the subprotocols; never from the URL, which ends up in logs.
fn token_of(headers: &HashMap<String, String>) -> Option<&str> {
    let header =
        |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    header("authorization")
        .and_then(token::bearer)
        .or_else(|| header("sec-websocket-protocol").and_then(token::from_subprotocols))
}
