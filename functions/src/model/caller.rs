//! The caller of a request.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::UserId;

/// The group whose members moderate.
pub const MODERATORS: &str = "moderators";

/// A user as a verified token, or a connection's row, describes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The token's `sub`, which stays the same for the life of the account.
    pub user: UserId,
    /// The token's `cognito:username`, for people and logs.
    pub username: String,
    /// The token's `cognito:groups`; they decide which topics may be read.
    pub groups: BTreeSet<String>,
    /// The token's `exp`: a connection is served until [`TOKEN_GRACE`](crate::limits::TOKEN_GRACE) after it.
    pub expires_at: DateTime<Utc>,
    /// The version of the user's account under which the token was issued: it grows when the password or the groups
    /// change. 0 in tokens that name none, such as Cognito's.
    #[serde(default)]
    pub account_version: u64,
}

impl Caller {
    /// Whether the caller is a member of [`MODERATORS`].
    pub fn is_moderator(&self) -> bool {
        self.groups.contains(MODERATORS)
    }
}
