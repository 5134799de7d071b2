//! The keys of the user pool.

use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;
use labelcast_functions::token::{KeySource, KeySourceError};

/// API Gateway waits for an authorizer no longer than this; what is slower than a tenth of it is tried again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keys that are fetched over HTTPS.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    client: reqwest::Client,
    url: String,
}

impl FetchedKeys {
    /// From this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { client: reqwest::Client::new(), url: url.into() }
    }
}

#[async_trait]
impl KeySource for FetchedKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        let failed = |error: reqwest::Error| KeySourceError(error.to_string());
        let answer = self.client.get(&self.url).timeout(PATIENCE).send().await.map_err(failed)?;
        answer.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}
