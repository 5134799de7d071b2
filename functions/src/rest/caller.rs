//! Who calls: somebody signed in, or a program with a key.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{Admission, ClientAddress};
use crate::audit::{Action, Outcome, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Audience, Caller, MODERATORS};
use crate::ports::{ApiKey, Clock, Keys};
use crate::token::{self, TokenError, Verifier};

/// What is checked at every REST endpoint.
#[derive(Clone)]
pub struct Authentication {
    /// Verifies ID tokens.
    pub verifier: Arc<Verifier>,
    /// Looks up the keys of programs; `None` where none are taken.
    pub keys: Option<Arc<dyn Keys>>,
    /// Says whether a token has ended.
    pub clock: Arc<dyn Clock>,
}

impl Authentication {
    async fn caller(&self, parts: &Parts) -> Result<Caller> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(token::bearer).ok_or(TokenError::Missing)?;
        let caller = self.verifier.verify(token, self.clock.now()).await?;
        Admission::admit(&parts.extensions);
        Ok(caller)
    }

    /// The key that a program shows. A missing or a bad one is 403, as API Gateway has it.
    async fn key(&self, parts: &Parts) -> Result<ApiKey> {
        let refused = || Error::forbidden("send a valid API key in the header `x-api-key`");
        let keys = self.keys.as_ref().ok_or_else(refused)?;
        let secret = parts.headers.get("x-api-key").ok_or_else(refused)?;
        let sha256 = digest::digest(&digest::SHA256, secret.as_bytes());
        let sha256: [u8; 32] = sha256.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let Some(key) = keys.find(&sha256).await? else {
            let what = format_args!("{} {}", parts.method, parts.uri.path());
            Record::new(Action::KeyUse, Outcome::Refused, "").what(what).address(ClientAddress::of(parts).0).log();
            return Err(refused());
        };
        Admission::admit(&parts.extensions);
        Ok(key)
    }
}

/// Somebody with a good token.
pub struct SignedIn(pub Caller);

impl SignedIn {
    /// For whom images are searched: what the caller may see.
    pub fn audience(&self) -> Audience<'_> {
        Audience::of(&self.0)
    }

    /// Refuses everybody but moderators.
    pub fn moderator(&self) -> Result<&Caller> {
        if self.0.is_moderator() {
            Ok(&self.0)
        } else {
            Err(Error::forbidden(format!("only members of the group `{MODERATORS}` may do this")))
        }
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    Authentication: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Authentication::from_ref(state).caller(parts).await.map(Self)
    }
}

/// A program with a good key.
pub struct KeyHolder(pub ApiKey);

impl<S> FromRequestParts<S> for KeyHolder
where
    Authentication: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Authentication::from_ref(state).key(parts).await.map(Self)
    }
}

/// A program whose key allows to search; it has a viewer's rights.
pub struct Reader;

impl<S> FromRequestParts<S> for Reader
where
    Authentication: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let key = Authentication::from_ref(state).key(parts).await?;
        if key.allows_search() {
            Ok(Self)
        } else {
            Err(Error::new(ErrorKind::Forbidden, format!("the key `{}` does not allow `search`", key.name)))
        }
    }
}
