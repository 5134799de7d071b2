//! Why a token is refused.

/// Why a token is refused, in words for whoever sent it. Never holds any part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No token was sent.
    #[error("no token was sent: sign in, and send the ID token as `Authorization: Bearer …`")]
    Missing,
    /// Longer than [`super::MAX_TOKEN`], not three parts of Base64, or without a claim that is needed.
    #[error("malformed ID token: sign in, and send the ID token exactly as it was issued")]
    Malformed,
    /// Signed in another way than RS256.
    #[error("the token is not signed with RS256: send the ID token exactly as it was issued")]
    WrongAlgorithm,
    /// The key that it names is none of the issuer's.
    #[error("the token is signed with an unknown key: sign in again")]
    UnknownKey,
    /// Made or changed by somebody else.
    #[error("the token's signature is invalid: sign in again")]
    BadSignature,
    /// The token's `exp` is reached.
    #[error("the token has expired: sign in again, or refresh it")]
    Expired,
    /// Its user was removed, or the password or a group changed since it was issued.
    #[error("the token is no longer valid, because your account has changed since: sign in again")]
    Revoked,
    /// The token was issued by somebody else.
    #[error("the token comes from another issuer: sign in here")]
    WrongIssuer,
    /// The token was issued for another application.
    #[error("the token was issued for another application: sign in here")]
    WrongAudience,
    /// An access token, for example.
    #[error("wrong kind of token: send the ID token, not the access token")]
    WrongUse,
    /// The issuer's keys could not be fetched. No fault of the token.
    #[error("tokens cannot be verified right now: try again in a moment")]
    KeysUnavailable,
    /// Whether the user is still the same could not be looked up. No fault of the token.
    #[error("the user of this token cannot be looked up right now: try again in a moment")]
    AccountUnavailable,
}

impl TokenError {
    /// Whether the fault is ours, so that the same token may be accepted later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::AccountUnavailable)
    }
}
