use async_trait::async_trait;

use super::PortResult;
use crate::model::Caller;

/// What has become of users since their tokens were issued.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether a token that was verified is still good: its user exists, and neither the password nor the groups have
    /// changed since it was issued. May lag behind a change by about a second. Asked for every token, so it must be cheap.
    async fn is_current(&self, caller: &Caller) -> PortResult<bool>;
}

/// For a backend on which tokens are good until they end, because looking users up would cost a call each time (Cognito).
/// Their lifetime bounds how long a change takes to have its effect.
pub struct CurrentUntilExpiry;

#[async_trait]
impl Accounts for CurrentUntilExpiry {
    async fn is_current(&self, _caller: &Caller) -> PortResult<bool> {
        Ok(true)
    }
}
