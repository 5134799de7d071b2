//! The functions by their names, as `serverless.yml` has them, and how each is run.

mod asynchronous;
mod cross_origin;
mod live;
mod rest;

use std::str::FromStr;
use std::sync::Arc;

use labelcast_functions::images::{ImageApi, ModerationApi, SearchApi, UploadApi};
use labelcast_functions::live::{HistoryApi, PublishApi};
use lambda_runtime::Error;

use crate::backend::Backend;
use crate::deadline;

/// The Lambda functions, which all run the same `bootstrap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The WebSocket REQUEST authorizer.
    Authorize,
    /// `$connect`
    Connect,
    /// `$disconnect`
    Disconnect,
    /// Every other route of the socket.
    Message,
    /// `/uploads`
    Upload,
    /// `/images`, `/search` and `/labels`, reading.
    Search,
    /// One image: shown, fetched, deleted.
    Image,
    /// `/moderation`
    Moderation,
    /// `/history`
    History,
    /// `POST /topics/{topic}`
    Publish,
    /// The web app and its settings.
    Web,
    /// Takes the events of created objects.
    Ingest,
    /// Takes the jobs of the queue of analyses.
    Analyze,
    /// The bus: results and removals.
    Index,
    /// The bus: what is stored.
    Notify,
    /// Takes the messages of the queue of deliveries.
    Deliver,
    /// Runs each minute.
    Sweep,
    /// Events at which other functions exhausted their attempts.
    Failed,
}

/// The variable `_HANDLER` names no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` isn't a Labelcast function; `handler` in serverless.yml must be one of: {names}", names = Function::names())]
pub struct UnknownFunction(String);

impl Function {
    /// Every function that the stack has.
    pub const ALL: [Self; 18] = [
        Self::Authorize,
        Self::Connect,
        Self::Disconnect,
        Self::Message,
        Self::Upload,
        Self::Search,
        Self::Image,
        Self::Moderation,
        Self::History,
        Self::Publish,
        Self::Web,
        Self::Ingest,
        Self::Analyze,
        Self::Index,
        Self::Notify,
        Self::Deliver,
        Self::Sweep,
        Self::Failed,
    ];

    /// The name as `handler` in the stack has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Message => "message",
            Self::Upload => "upload",
            Self::Search => "search",
            Self::Image => "image",
            Self::Moderation => "moderation",
            Self::History => "history",
            Self::Publish => "publish",
            Self::Web => "web",
            Self::Ingest => "ingest",
            Self::Analyze => "analyze",
            Self::Index => "index",
            Self::Notify => "notify",
            Self::Deliver => "deliver",
            Self::Sweep => "sweep",
            Self::Failed => "failed",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Takes events for as long as the sandbox lives.
    pub async fn run(self, backend: &Backend, metrics: &'static crate::telemetry::Metrics) -> Result<(), Error> {
        match self {
            Self::Authorize => live::authorize(backend, metrics).await,
            Self::Connect => live::connect(backend, metrics).await,
            Self::Disconnect => live::disconnect(backend, metrics).await,
            Self::Message => live::message(backend, metrics).await,
            Self::Upload => rest::serve(rest::routes::<UploadApi>(backend)?, metrics).await,
            Self::Search => rest::serve(rest::routes::<SearchApi>(backend)?, metrics).await,
            Self::Image => rest::serve(rest::routes::<ImageApi>(backend)?, metrics).await,
            Self::Moderation => rest::serve(rest::routes::<ModerationApi>(backend)?, metrics).await,
            Self::History => rest::serve(rest::routes::<HistoryApi>(backend)?, metrics).await,
            Self::Publish => rest::serve(rest::routes::<PublishApi>(backend)?, metrics).await,
            Self::Web => rest::serve(rest::web(backend)?, metrics).await,
            Self::Ingest => asynchronous::ingest(backend, metrics).await,
            Self::Analyze => asynchronous::analyze(backend, metrics).await,
            Self::Index => asynchronous::index(backend, metrics).await,
            Self::Notify => asynchronous::notify(backend, metrics).await,
            Self::Deliver => asynchronous::deliver(backend, metrics).await,
            Self::Sweep => asynchronous::sweep(backend, metrics).await,
            Self::Failed => asynchronous::failed(backend, metrics).await,
        }
    }
}

impl FromStr for Function {
    type Err = UnknownFunction;
    fn from_str(name: &str) -> Result<Self, UnknownFunction> {
        Self::ALL.into_iter().find(|function| function.name() == name).ok_or_else(|| UnknownFunction(name.to_owned()))
    }
}

/// A handler that takes one kind of event.
async fn take<E, A, F>(
    metrics: &'static crate::telemetry::Metrics,
    handle: impl Fn(E) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    E: serde::de::DeserializeOwned + Send + 'static,
    A: serde::Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let handle = Arc::new(handle);
    lambda_runtime::run(lambda_runtime::service_fn(move |event: lambda_runtime::LambdaEvent<E>| {
        let handle = handle.clone();
        async move {
            let response = deadline::within(event.context.deadline, handle(event.payload)).await;
            metrics.flush();
            response
        }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_name() {
        for function in Function::ALL {
            assert_eq!(function.name().parse(), Ok(function));
        }
        let error = "unknown".parse::<Function>().unwrap_err().to_string();
        assert!(error.contains("notify"), "{error}");
    }
}
