//! Posts to open sockets, by way of API Gateway's management API.
//!
//! A post is a request of its own. Connections are served concurrently, within a bound; one that hangs holds up none of the
//! others. To one connection frames go one after the other, so that they arrive in order. All runs together keep to a rate of
//! posts ([`PostRate`]); what is refused all the same is tried until the function's own time ends, and is then for another run.

mod pace;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::http::HttpResponse;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::error::{DisplayErrorContext, SdkError};
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_types::SdkConfig;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use labelcast_functions::backoff::Backoff;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Frame, PortError, PortResult, Pushed, Pusher, Unreached};
use tokio::time::Instant;

use self::pace::Pace;
pub use self::pace::PostRate;
use crate::deadline;

/// Connections that are posted to at once. The account's quota is on API Gateway's side; a post takes some 10 ms, so that
/// this is some thousand posts a second.
const MAX_CONCURRENCY: usize = 64;
/// Posts to a connection that were interrupted, or throttled where nobody else can go on, the first included.
const ATTEMPTS: u32 = 4;
/// Between two tries of a post; chance may take all of it off.
const WAITS: Backoff =
    Backoff { first: Duration::from_millis(200), factor: 2, longest: Duration::from_millis(1600), jitter: 1.0 };
/// How long a push may take outside of an invocation.
const PUSH_TIME: Duration = Duration::from_secs(45);
/// How long one post may take: API Gateway responds within milliseconds, or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reaches the connections of one WebSocket API.
#[derive(Debug, Clone)]
pub struct GatewayPusher {
    client: Client,
    rate: Option<Arc<dyn PostRate>>,
    push_time: Duration,
}

impl GatewayPusher {
    /// The endpoint is the stage's own: `https://API.execute-api.REGION.amazonaws.com/STAGE`.
    pub fn new(config: &SdkConfig, endpoint: impl Into<String>) -> Self {
        // The SDK's own retries are counted nowhere, and share a quota that a throttled notification uses up at once.
        let config = Builder::from(config).endpoint_url(endpoint).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), rate: None, push_time: PUSH_TIME }
    }

    /// Keeps to a rate, with all others that do.
    #[must_use]
    pub fn at_rate(self, rate: Arc<dyn PostRate>) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Pushes for so long, outside of an invocation, whose end bounds it otherwise.
    #[must_use]
    pub fn pushing_for(self, push_time: Duration) -> Self {
        Self { push_time, ..self }
    }

    async fn deliver(&self, to: &ConnectionId, frame: Bytes, pace: Option<&Pace>) -> Result<(), Unreached> {
        let (mut throttled, mut interrupted) = (0, 0);
        loop {
            if let Some(pace) = pace {
                pace.turn().await.map_err(|_| Unreached::Unserved)?;
            }
            let post =
                self.client.post_to_connection().connection_id(to.as_str()).data(Blob::new(frame.clone())).send();
            let Ok(posted) = tokio::time::timeout(TIMEOUT, post).await else {
                tracing::warn!(connection = %to, "a post timed out after {} s", TIMEOUT.as_secs());
                return Err(Unreached::Failed);
            };
            let Err(error) = posted else {
                metrics::counter!("labelcast_deliveries_total").increment(1);
                return Ok(());
            };
            let wait = match Refusal::of(&error) {
                Refusal::Gone => return Err(Unreached::Gone),
                Refusal::Throttled => {
                    metrics::counter!("labelcast_posts_throttled_total").increment(1);
                    throttled += 1;
                    WAITS.wait(throttled, rand::random())
                }
                Refusal::Interrupted => {
                    metrics::counter!("labelcast_posts_interrupted_total").increment(1);
                    interrupted += 1;
                    WAITS.wait(interrupted, rand::random())
                }
                Refusal::Final => {
                    tracing::warn!(connection = %to, why = %DisplayErrorContext(&error), "a post failed");
                    return Err(Unreached::Failed);
                }
            };
            match pace {
                // It says nothing about the connection: API Gateway is busy, or its client reads slowly.
                Some(pace) if interrupted < ATTEMPTS => pace.wait(wait).await.map_err(|_| Unreached::Unserved)?,
                None if throttled + interrupted < ATTEMPTS => tokio::time::sleep(wait).await,
                _ => break,
            }
        }
        tracing::warn!(connection = %to, "posts to a connection are throttled or interrupted");
        Err(Unreached::Failed)
    }

    /// All frames of one connection, in order, up to the first that does not arrive.
    async fn deliver_all(
        &self,
        to: ConnectionId,
        frames: Vec<Bytes>,
        pace: &Pace,
    ) -> Option<(ConnectionId, Unreached)> {
        for frame in frames {
            match self.deliver(&to, frame, Some(pace)).await {
                Ok(()) => {}
                Err(Unreached::Failed) => match self.close(&to).await {
                    Ok(()) => return Some((to, Unreached::Failed)),
                    Err(error) => {
                        tracing::warn!(connection = %to, %error, "a connection could be neither reached nor closed");
                        return Some((to, Unreached::Unserved));
                    }
                },
                Err(why) => return Some((to, why)),
            }
        }
        None
    }
}

/// For functions that have no right to reach sockets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoPusher;

#[async_trait]
impl Pusher for NoPusher {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        frames.into_iter().flat_map(|pushed| pushed.to).map(|to| (to, Unreached::Failed)).collect()
    }

    async fn post(&self, _to: &ConnectionId, _frame: Frame) -> Result<(), Unreached> {
        Err(Unreached::Failed)
    }

    async fn close(&self, _connection: &ConnectionId) -> PortResult<()> {
        Err(PortError::Failed {
            what: "the WebSocket gateway",
            why: "this function has no access to sockets".to_owned(),
        })
    }
}

/// Why a post was not taken.
enum Refusal {
    /// The connection is no more.
    Gone,
    /// Too many posts; later it may be taken.
    Throttled,
    /// Nobody says whether it arrived. It is posted again: clients know a notification that they have by its id.
    Interrupted,
    /// Trying again does not help.
    Final,
}

impl Refusal {
    fn of(error: &SdkError<PostToConnectionError, HttpResponse>) -> Self {
        match error {
            SdkError::ServiceError(refused) if refused.err().is_gone_exception() => Self::Gone,
            SdkError::ServiceError(refused) if refused.err().is_limit_exceeded_exception() => Self::Throttled,
            SdkError::ServiceError(refused) if refused.raw().status().is_server_error() => Self::Interrupted,
            SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | SdkError::TimeoutError(_) => Self::Interrupted,
            _ => Self::Final,
        }
    }
}

#[async_trait]
impl Pusher for GatewayPusher {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        let mut by_connection: HashMap<ConnectionId, Vec<Bytes>> = HashMap::new();
        for Pushed { frame, to } in frames {
            for connection in to {
                by_connection.entry(connection).or_default().push(frame.bytes().clone());
            }
        }
        let count = by_connection.values().map(Vec::len).sum();
        let until = deadline::push_until().unwrap_or_else(|| Instant::now() + self.push_time);
        let pace = &Pace::new(self.rate.clone(), count, until);
        let posts = by_connection.into_iter().map(|(to, frames)| self.deliver_all(to, frames, pace));
        stream::iter(posts).buffer_unordered(MAX_CONCURRENCY).filter_map(std::future::ready).collect().await
    }

    async fn post(&self, to: &ConnectionId, frame: Frame) -> Result<(), Unreached> {
        self.deliver(to, frame.bytes().clone(), None).await
    }

    async fn close(&self, connection: &ConnectionId) -> PortResult<()> {
        let retries = Builder::new().retry_config(RetryConfig::standard());
        let close = self.client.delete_connection().connection_id(connection.as_str());
        match close.customize().config_override(retries).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(DeleteConnectionError::is_gone_exception) => Ok(()),
            Err(error) => Err(PortError::Unavailable {
                what: "the WebSocket gateway",
                why: DisplayErrorContext(&error).to_string(),
            }),
        }
    }
}
