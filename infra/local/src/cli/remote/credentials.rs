//! The token that a command uses: one given as an option, or one renewed from a stored sign-in.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Url};
use tokio::sync::Mutex;

use super::address::Privacy;
use super::oauth::{self, OauthError};
use super::store::{SignIn, Store};
use crate::cli::arguments::Token;

/// A token that expires within this time is renewed before use.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// The caller's credentials. Cheap to clone.
#[derive(Clone)]
pub(in crate::cli) enum Credentials {
    /// A token given as an option, used until it expires.
    Given(Token),
    /// A stored sign-in, which renews its token.
    Kept(Arc<Kept>),
}

/// A stored sign-in.
pub(in crate::cli) struct Kept {
    client: Client,
    store: Store,
    server: Url,
    /// The last token. Locked during a renewal, so that concurrent users renew it once.
    last: Mutex<SignIn>,
}

impl Credentials {
    pub(in crate::cli) fn kept(client: Client, store: Store, server: Url, sign_in: SignIn) -> Self {
        Self::Kept(Arc::new(Kept { client, store, server, last: Mutex::new(sign_in) }))
    }

    /// A token that will not expire soon.
    pub(in crate::cli) async fn token(&self) -> Result<Token, OauthError> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::Kept(kept) => kept.token(None).await,
        }
    }

    /// A replacement for a token that the server refused; `None` if there is none.
    pub(in crate::cli) async fn instead_of(&self, refused: &Token) -> Result<Option<Token>, OauthError> {
        match self {
            Self::Given(_) => Ok(None),
            Self::Kept(kept) => kept.token(Some(refused)).await.map(Some),
        }
    }

    /// How long until an open connection needs a new token; `None` if the token cannot be renewed.
    pub(in crate::cli) async fn renew_in(&self) -> Option<Duration> {
        match self {
            Self::Given(_) => None,
            Self::Kept(kept) => {
                let left = kept.last.lock().await.expires_at - MARGIN - Utc::now();
                Some(left.to_std().unwrap_or_default())
            }
        }
    }
}

impl Kept {
    async fn token(&self, refused: Option<&Token>) -> Result<Token, OauthError> {
        let mut last = self.last.lock().await;
        if is_good(&last, refused, Utc::now()) {
            return Ok(Token::new(&last.id_token));
        }
        let unavailable =
            |error: std::io::Error| OauthError::Unavailable(format!("the kept sign-in cannot be used: {error}"));
        let locked = self.store.lock().await.map_err(unavailable)?;
        let ended = || OauthError::Ended("you were signed out; sign in again with `labelcast login`".to_owned());
        let mut kept = locked.find(&self.server).map_err(unavailable)?.ok_or_else(ended)?;
        // Another command may have renewed it meanwhile.
        if !is_good(&kept, refused, Utc::now()) {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", kept.client_id.as_str()),
                ("refresh_token", kept.refresh_token.as_str()),
            ];
            let endpoint = Privacy::of(&self.server).http(&kept.token_endpoint).map_err(OauthError::Ended)?;
            let issued = match oauth::tokens(&self.client, &endpoint, &fields).await {
                Ok(issued) => issued,
                Err(error) => {
                    if matches!(error, OauthError::Ended(_)) {
                        locked.set(&self.server, None).map_err(unavailable)?;
                    }
                    return Err(error);
                }
            };
            kept.id_token = issued.id_token;
            kept.expires_at = issued.expires_at;
            if let Some(rotated) = issued.refresh_token {
                kept.refresh_token = rotated;
            }
            locked.set(&self.server, Some(kept.clone())).map_err(unavailable)?;
        }
        *last = kept;
        Ok(Token::new(&last.id_token))
    }
}

fn is_good(sign_in: &SignIn, refused: Option<&Token>, now: DateTime<Utc>) -> bool {
    let shown = refused.is_some_and(|refused| refused.as_str() == sign_in.id_token);
    !shown && !sign_in.id_token.is_empty() && now + MARGIN < sign_in.expires_at
}
