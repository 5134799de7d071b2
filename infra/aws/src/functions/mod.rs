//! The functions by their names, as `serverless.yml` has them, and how each is run.

mod asynchronous;
mod cross_origin;
mod live;
mod rest;

use std::sync::Arc;

use labelcast_functions::images::{ImageApi, ModerationApi, SearchApi, UploadApi};
use labelcast_functions::live::{HistoryApi, PublishApi};
use lambda_runtime::Error;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::backend::Backend;
use crate::deadline;

/// The Lambda functions, which all run the same `bootstrap`. In lower case these are the names that `handler` in the stack has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = UnknownFunction, parse_err_fn = UnknownFunction::new)]
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
#[error("`{0}` isn't a Labelcast function; `handler` in serverless.yml must be one of: {names}", names = Function::VARIANTS.join(", "))]
pub struct UnknownFunction(String);

impl UnknownFunction {
    fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Function {
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
        for name in Function::VARIANTS {
            let function: Function = name.parse().unwrap();
            assert_eq!(<&str>::from(function), *name);
        }
        let error = "unknown".parse::<Function>().unwrap_err().to_string();
        assert!(error.contains("notify"), "{error}");
    }
}
