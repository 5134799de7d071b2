//! The keys of the user pool.

use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::jwk::JwkSet;
use labelcast_functions::token::{KeySource, KeySourceError};

use crate::sdk::Https;

/// API Gateway waits for an authorizer no longer than this; what is slower than a tenth of it is tried again.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A user pool's two keys take one.
const MAX_BYTES: usize = 64 * 1024;

/// Keys that are fetched over HTTPS.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    https: Https,
    url: String,
}

impl FetchedKeys {
    /// Fetches keys from this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { https: Https::default(), url: url.into() }
    }

    async fn fetched(&self) -> Result<JwkSet, Box<dyn std::error::Error + Send + Sync>> {
        let response = self.https.call(Request::get(self.url.as_str())?).await?;
        if !response.status().is_success() {
            return Err(format!("{} responded with {}", self.url, response.status().as_u16()).into());
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await?;
        Ok(serde_json::from_slice(&body.to_bytes())?)
    }
}

#[async_trait]
impl KeySource for FetchedKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        let late = || KeySourceError(format!("{} did not respond within {} s", self.url, TIMEOUT.as_secs()));
        let fetched = tokio::time::timeout(TIMEOUT, self.fetched()).await.map_err(|_| late())?;
        fetched.map_err(|error| KeySourceError(error.to_string()))
    }
}
