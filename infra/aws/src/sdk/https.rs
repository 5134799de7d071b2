//! How requests travel: HTTP/1.1, over TLS where the URL says so. Clones share their connections.
//!
//! The SDK's own would bring HTTP/2, which none of our services speaks to its SDKs, and its code is a thirtieth of a function.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_sdk_dynamodb::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long a connection may take to be made.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection is kept without use: less than AWS keeps it.
const IDLE: Duration = Duration::from_secs(20);

type Connections = Client<HttpsConnector<Tcp>, SdkBody>;

/// Made with the first request: reading the system's certificates takes some milliseconds.
#[derive(Debug, Clone)]
pub struct Https(Arc<LazyLock<Connections>>);

impl Default for Https {
    fn default() -> Self {
        Self(Arc::new(LazyLock::new(connections)))
    }
}

fn connections() -> Connections {
    let mut tcp = Tcp::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .expect(
            "the system has certificates of authorities: Lambda's runtime brings them, else install ca-certificates",
        )
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector)
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // Whatever breaks a connection may be tried again.
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl HttpClient for Https {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
