//! A service of somebody else's that says what a picture shows (`docs/detector.md#a-service-of-your-own`).

mod answer;
mod url;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use labelcast_functions::imaging::{self, DynamicImage};
use labelcast_functions::model::{Detection, Source};
use labelcast_functions::ports::DetectorError;
use reqwest::{Client, Response, StatusCode, header, redirect};
use tokio::time::Instant;

use super::look::Look;
pub use url::{ServiceUrl, ServiceUrlError};

/// The longest that a service may take for one answer.
const TRY: Duration = Duration::from_secs(10);
/// The longest in all. What looks at a picture as a whole has some seconds more.
const ALL: Duration = Duration::from_secs(13);
/// The longest until it takes the connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Pauses before the second try and the third.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// A service at an address.
pub struct HttpDetector {
    url: ServiceUrl,
    source: Source,
    client: Client,
    limits: Limits,
}

/// How long it may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    one: Duration,
    all: Duration,
}

/// Why a try gave no detection.
enum Failed {
    /// Another try may succeed.
    ForNow(String),
    /// The same picture will fail again.
    ForGood(String),
}

impl HttpDetector {
    /// The service there. It need not be up yet.
    ///
    /// # Errors
    /// The system's certificates could not be read.
    pub fn new(url: ServiceUrl) -> Result<Self, reqwest::Error> {
        Self::within(url, Limits { one: TRY, all: ALL })
    }

    fn within(url: ServiceUrl, limits: Limits) -> Result<Self, reqwest::Error> {
        // It must not lead our requests, with a picture in them, to other places.
        let client = Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT).build()?;
        Ok(Self { source: url.source(), url, client, limits })
    }

    async fn ask(&self, picture: &Bytes, timeout: Duration) -> Result<Detection, Failed> {
        // The URL may hold a key; whoever reads the reason knows the service by its name.
        let failed = |error: reqwest::Error| Failed::ForNow(in_words(&error.without_url()));
        let request = self.client.post(self.url.as_url()).timeout(timeout).body(picture.clone());
        let request = request.header(header::CONTENT_TYPE, "image/jpeg").header(header::ACCEPT, "application/json");
        let response = request.send().await.map_err(failed)?;
        check(&response)?;
        let body = body(response).await?;
        answer::read(&body, &self.source).map_err(|why| Failed::ForGood(format!("its answer cannot be read: {why}")))
    }
}

#[async_trait]
impl Look for HttpDetector {
    fn source(&self) -> &Source {
        &self.source
    }

    async fn look(&self, picture: Arc<DynamicImage>) -> Result<Detection, DetectorError> {
        let end = Instant::now() + self.limits.all;
        let packed = tokio::task::spawn_blocking(move || Bytes::from(imaging::jpeg(&picture)));
        let picture = packed.await.map_err(|error| DetectorError::Unavailable(error.to_string()))?;
        let mut pauses = PAUSES.into_iter();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let why = match self.ask(&picture, self.limits.one.min(left)).await {
                Ok(detection) => return Ok(detection),
                Err(Failed::ForGood(why)) => return Err(DetectorError::Unreadable(why)),
                Err(Failed::ForNow(why)) => why,
            };
            match pauses.next() {
                Some(pause) if Instant::now() + pause < end => tokio::time::sleep(pause).await,
                _ => return Err(DetectorError::Unavailable(why)),
            }
        }
    }
}

/// What says of itself that it is no answer, is none.
fn check(response: &Response) -> Result<(), Failed> {
    let status = response.status();
    match status {
        StatusCode::OK => {}
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            return Err(Failed::ForNow(format!("it answered {status}")));
        }
        _ if status.is_server_error() => return Err(Failed::ForNow(format!("it answered {status}"))),
        _ if status.is_redirection() => {
            return Err(Failed::ForGood(format!("it redirects ({status}), which is not followed: set the final URL")));
        }
        _ => return Err(Failed::ForGood(format!("it answered {status}"))),
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => {
            let kind: String = kind.chars().take(60).collect();
            Err(Failed::ForGood(format!("its answer is `{kind}`, not `application/json`")))
        }
    }
}

async fn body(mut response: Response) -> Result<Bytes, Failed> {
    let too_large = || Failed::ForGood(format!("its answer has more than {} KiB", MAX_ANSWER / 1024));
    if response.content_length().is_some_and(|length| length > MAX_ANSWER as u64) {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    loop {
        let part = response.chunk().await.map_err(|error| Failed::ForNow(in_words(&error.without_url())))?;
        let Some(part) = part else { return Ok(whole.freeze()) };
        if whole.len() + part.len() > MAX_ANSWER {
            return Err(too_large());
        }
        whole.extend_from_slice(&part);
    }
}

/// An error with what caused it; the client's own words alone say little.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = match error {
        _ if error.is_timeout() => return "it took too long".to_owned(),
        _ if error.is_connect() => "it could not be reached".to_owned(),
        _ => error.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests;
