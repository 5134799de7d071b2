//! The functions behind the REST API.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::ConnectInfo;
use labelcast_functions::api;
use labelcast_functions::contract::Deployment;
use labelcast_functions::rest::{self, RestFunction};
use labelcast_functions::wiring::{FromProvider, Provider};
use labelcast_web::{CliSettings, WebApp, WebSettings};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use lambda_runtime::Error;
use serde_json::json;
use tower::ServiceExt;

use super::cross_origin;
use crate::backend::Backend;
use crate::environment;
use crate::telemetry::Metrics;

/// Serves a router; API Gateway's stage is not part of its paths (`AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH`).
pub(super) async fn serve(router: Router, metrics: &'static Metrics) -> Result<(), Error> {
    lambda_http::run(lambda_http::service_fn(move |mut request: lambda_http::Request| {
        let router = router.clone();
        if let Some(address) = source_ip(&request) {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
        }
        async move {
            let mut response = router.oneshot(request).await;
            if let Ok(response) = &mut response {
                // API Gateway is never without TLS.
                rest::add_safe_headers(response.headers_mut(), true);
            }
            metrics.flush();
            response
        }
    }))
    .await
}

/// The client's address, as API Gateway saw it.
fn source_ip(request: &lambda_http::Request) -> Option<IpAddr> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

/// The routes of one function, as pages of other origins may call them too.
pub(super) fn routes<F: RestFunction + FromProvider>(backend: &Backend) -> environment::Result<Router> {
    let origins = cross_origin::layer(&backend.environment)?;
    Ok(api::with_fallbacks(api::router::<F, Backend>(backend)?).layer(origins))
}

pub(super) fn web(backend: &Backend) -> environment::Result<Router> {
    let sign_in = backend.environment.needed("LABELCAST_SIGN_IN_URL")?;
    let issuer = backend.environment.needed("LABELCAST_ISSUER")?;
    let settings = WebSettings {
        api: backend.api_url()?,
        live: backend.live_url()?,
        objects: backend.environment.needed("LABELCAST_OBJECTS_URL")?,
        authority: issuer.clone(),
        client_id: backend.environment.needed("LABELCAST_CLIENT_ID")?,
        cli: CliSettings::of(backend.environment.needed("LABELCAST_CLI_CLIENT_ID")?),
        // As the pool's own discovery names them; the web app need not ask for it.
        metadata: json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{sign_in}/oauth2/authorize"),
            "token_endpoint": format!("{sign_in}/oauth2/token"),
            "userinfo_endpoint": format!("{sign_in}/oauth2/userInfo"),
            "revocation_endpoint": format!("{sign_in}/oauth2/revoke"),
            "end_session_endpoint": format!("{sign_in}/logout"),
            "jwks_uri": backend.jwks_url()?,
        }),
        scope: "openid email profile".to_owned(),
        languages: backend.translator()?.languages(),
        max_upload_bytes: backend.settings()?.max_upload_bytes,
        live_ping_seconds: WebSettings::PAID_PING_SECONDS,
        notice: None,
    };
    let deployment = Deployment {
        api: backend.api_url()?,
        live: backend.live_url()?,
        max_upload_bytes: backend.settings()?.max_upload_bytes,
        languages: backend.translator()?.languages(),
    };
    let contracts = api::contracts(&deployment).layer(cross_origin::layer(&backend.environment)?);
    Ok(WebApp::new(settings).router().merge(contracts))
}
