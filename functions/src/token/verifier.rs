//! The verifier.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::keys::KeyCache;
use super::verified::{Verified, fingerprint};
use super::{KeySource, MAX_TOKEN, TokenError};
use crate::model::{Caller, UserId};
use crate::ports::Accounts;

/// Verifies ID tokens of one issuer for some applications.
pub struct Verifier {
    issuer: String,
    audience: BTreeSet<String>,
    keys: KeyCache,
    accounts: Arc<dyn Accounts>,
    signature_only: Validation,
    verified: Verified,
}

impl Verifier {
    /// `issuer` is compared letter by letter with `iss`; `audience` are the client ids whose tokens are accepted;
    /// `accounts` says which users have changed since.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl IntoIterator<Item = String>,
        keys: Arc<dyn KeySource>,
        accounts: Arc<dyn Accounts>,
    ) -> Self {
        // The library looks at the wall clock and takes lists where Cognito writes one name, so it checks the
        // signature, and the claims are checked here.
        let mut signature_only = Validation::new(Algorithm::RS256);
        signature_only.required_spec_claims = HashSet::new();
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        let audience = audience.into_iter().collect();
        Self {
            issuer: issuer.into(),
            audience,
            keys: KeyCache::new(keys),
            accounts,
            signature_only,
            verified: Verified::default(),
        }
    }

    /// Who sent the token, and is still who it says.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Caller, TokenError> {
        let caller = self.read(token, now).await?;
        self.check_account(&caller).await?;
        Ok(caller)
    }

    /// Whether the account of a token that was verified before is still the same. Cheap, and never to be cached here:
    /// this is what ends tokens early.
    pub async fn check_account(&self, caller: &Caller) -> Result<(), TokenError> {
        match self.accounts.is_current(caller).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(TokenError::Revoked),
            Err(error) => {
                tracing::warn!(%error, "refusing tokens: their users cannot be looked up");
                Err(TokenError::AccountUnavailable)
            }
        }
    }

    /// What the token itself says, which holds until it ends. The signature is verified before any claim is believed or
    /// told about; a token has expired from the second of its `exp` on.
    async fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Caller, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let fingerprint = fingerprint(token);
        if let Some(caller) = self.verified.get(&fingerprint, self.keys.generation(), now) {
            return Ok(caller);
        }
        // Before the signature is looked at: keys that are replaced meanwhile make it count for nothing.
        let caller = self.verify_signature(token, now).await?;
        self.verified.insert(fingerprint, caller.1, &caller.0);
        Ok(caller.0)
    }

    /// Who sent the token, and which generation of keys vouches for it.
    async fn verify_signature(&self, token: &str, now: DateTime<Utc>) -> Result<(Caller, u64), TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenError::WrongAlgorithm);
        }
        if header.crit.is_some() {
            return Err(TokenError::Malformed); // it must be understood, and nothing of the kind is (RFC 7515 §4.1.11)
        }
        let key_id = header.kid.ok_or(TokenError::Malformed)?;
        let key = self.keys.find(&key_id, now).await?;
        let generation = self.keys.generation();
        let claims = decode::<Claims>(token, &key, &self.signature_only).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::BadSignature,
            _ => TokenError::Malformed,
        })?;
        Ok((self.caller(claims.claims, now)?, generation))
    }

    fn caller(&self, claims: Claims, now: DateTime<Utc>) -> Result<Caller, TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        if claims.token_use != "id" {
            return Err(TokenError::WrongUse);
        }
        if !claims.aud.is_some_and(|audience| self.audience.contains(&audience)) {
            return Err(TokenError::WrongAudience);
        }
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(TokenError::Malformed)?;
        if now >= expires_at {
            return Err(TokenError::Expired);
        }
        let user: UserId = claims.sub.parse().map_err(|_| TokenError::Malformed)?;
        let username = claims.username.ok_or(TokenError::Malformed)?;
        Ok(Caller { user, username, groups: claims.groups, expires_at, account_version: claims.account_version })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// What is read of a token. An access token has neither audience nor this name of the user: it is recognised by its use.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    token_use: String,
    aud: Option<String>,
    #[serde(rename = "cognito:username")]
    username: Option<String>,
    /// Left out by Cognito for a user in no group.
    #[serde(rename = "cognito:groups", default)]
    groups: BTreeSet<String>,
    /// Ours; Cognito has none.
    #[serde(rename = "labelcast:version", default)]
    account_version: u64,
}

#[cfg(test)]
mod tests;
