//! The functions behind the WebSocket API.

use std::sync::Arc;

use labelcast_events::websocket;
use labelcast_functions::live::{Authorize, Connect, Disconnect, Route};
use labelcast_functions::wiring::FromProvider;
use lambda_runtime::Error;

use super::take;
use crate::backend::Backend;
use crate::telemetry::Metrics;

pub(super) async fn authorize(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let authorize = Authorize::from_provider(backend)?;
    take(metrics, move |event| {
        let authorize = authorize.clone();
        async move { websocket::authorize(&authorize, event).await.map_err(Error::from) }
    })
    .await
}

pub(super) async fn connect(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let connect = Connect::from_provider(backend)?;
    take(metrics, move |event| {
        let connect = connect.clone();
        async move { websocket::connect(&connect, event).await.map_err(Error::from) }
    })
    .await
}

pub(super) async fn disconnect(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let disconnect = Disconnect::from_provider(backend)?;
    take(metrics, move |event| {
        let disconnect = disconnect.clone();
        async move { websocket::disconnect(&disconnect, event).await.map_err(Error::from) }
    })
    .await
}

pub(super) async fn message(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let route = Arc::new(Route::from_provider(backend)?);
    take(metrics, move |event| {
        let route = route.clone();
        // On the heap: it is too large to be moved about.
        async move { Ok(Box::pin(websocket::message(&route, event)).await) }
    })
    .await
}
