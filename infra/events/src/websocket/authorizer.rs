//! The REQUEST authorizer: its event, and the IAM policy that it responds with.

use std::collections::HashMap;

use labelcast_functions::live::{Authorize, AuthorizeError};
use labelcast_functions::model::Caller;
use labelcast_functions::token;
use serde::{Deserialize, Serialize};

use super::context;

/// The authorizer's event, as far as it is read here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    /// The ARN of what is to be invoked.
    pub method_arn: String,
    /// As the client sent them, in its case.
    #[serde(default)]
    pub headers: HashMap<String, String>,
}

/// The response that lets a connection through.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerResponse {
    /// The user.
    pub principal_id: String,
    /// Allows what was requested, and nothing else.
    pub policy_document: PolicyDocument,
    /// The caller, for every later event of the connection; texts only.
    pub context: HashMap<String, String>,
}

/// An IAM policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// Always `2012-10-17`.
    pub version: String,
    /// One statement.
    pub statement: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// `execute-api:Invoke`
    pub action: String,
    /// `Allow`
    pub effect: String,
    /// The method's ARN.
    pub resource: String,
}

/// Brings an event to `authorize`. The error is the word that the function must fail with: API Gateway responds 401 to
/// exactly
/// `Unauthorized`, and 500 to any other.
pub async fn authorize(function: &Authorize, event: AuthorizerEvent) -> Result<AuthorizerResponse, &'static str> {
    match function.handle(event.token()).await {
        Ok(caller) => Ok(event.allow(&caller)),
        Err(AuthorizeError::Unauthorized) => Err("Unauthorized"),
        Err(AuthorizeError::Unavailable) => Err("tokens cannot be verified right now"),
    }
}

impl AuthorizerEvent {
    fn token(&self) -> Option<&str> {
        let header = |name: &str| {
            self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        token::of_handshake(header("authorization"), header("sec-websocket-protocol"))
    }

    fn allow(self, caller: &Caller) -> AuthorizerResponse {
        let statement = Statement {
            action: "execute-api:Invoke".to_owned(),
            effect: "Allow".to_owned(),
            resource: self.method_arn,
        };
        AuthorizerResponse {
            principal_id: caller.user.to_string(),
            policy_document: PolicyDocument { version: "2012-10-17".to_owned(), statement: vec![statement] },
            context: context::of(caller),
        }
    }
}
