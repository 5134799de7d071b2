//! The functions behind the REST API.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::ConnectInfo;
use labelcast_functions::api;
use labelcast_functions::contract::Deployment;
use labelcast_functions::images::{ImageApi, ModerationApi, PageCursors, SearchApi, UploadApi};
use labelcast_functions::live::{HistoryApi, PublishApi};
use labelcast_functions::ports::{ApiKey, Keys, PortResult};
use labelcast_functions::rest::{self, Door};
use labelcast_web::{CliSettings, WebApp, WebSettings};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use lambda_runtime::Error;
use serde_json::json;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use super::cross_origin;
use crate::environment;
use crate::home::Home;
use crate::telemetry::Metrics;

/// Serves a router; API Gateway's stage is not part of its paths (`AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH`).
pub(super) async fn serve(router: Router, metrics: &'static Metrics) -> Result<(), Error> {
    lambda_http::run(lambda_http::service_fn(move |mut request: lambda_http::Request| {
        let router = router.clone();
        if let Some(address) = source_ip(&request) {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
        }
        async move {
            let mut answer = router.oneshot(request).await;
            if let Ok(response) = &mut answer {
                // API Gateway is never without TLS.
                rest::add_safe_headers(response.headers_mut(), true);
            }
            metrics.flush();
            answer
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

/// For people and for programs.
fn door(home: &Home) -> environment::Result<Door> {
    Ok(Door { verifier: home.verifier()?, keys: home.keys()?, clock: home.clock() })
}

/// For people alone: the function has no right to look up the keys of programs.
fn door_for_people(home: &Home) -> environment::Result<Door> {
    Ok(Door { verifier: home.verifier()?, keys: Arc::new(NoKeys), clock: home.clock() })
}

struct NoKeys;

#[async_trait]
impl Keys for NoKeys {
    async fn find(&self, _sha256: &[u8; 32]) -> PortResult<Option<ApiKey>> {
        Ok(None)
    }
}

fn of<S: Clone + Send + Sync + 'static>(
    home: &Home,
    routes: OpenApiRouter<S>,
    function: S,
) -> environment::Result<Router> {
    let origins = cross_origin::layer(&home.environment)?;
    Ok(api::with_fallbacks(api::router(routes, function)).layer(origins))
}

pub(super) fn upload(home: &Home) -> environment::Result<Router> {
    let function = UploadApi {
        door: door_for_people(home)?,
        uploads: home.uploads()?,
        objects: home.objects()?,
        random: home.random(),
        settings: home.settings()?,
    };
    of(home, UploadApi::routes(), function)
}

pub(super) fn search(home: &Home) -> environment::Result<Router> {
    let function = SearchApi {
        door: door(home)?,
        images: home.images()?,
        objects: home.objects()?,
        translator: home.translator(),
        cursors: PageCursors::plain(),
    };
    of(home, SearchApi::routes(), function)
}

pub(super) fn image(home: &Home) -> environment::Result<Router> {
    let function =
        ImageApi { door: door_for_people(home)?, images: home.images()?, objects: home.objects()?, bus: home.bus()? };
    of(home, ImageApi::routes(), function)
}

pub(super) fn moderation(home: &Home) -> environment::Result<Router> {
    let function = ModerationApi {
        door: door_for_people(home)?,
        images: home.images()?,
        objects: home.objects()?,
        cursors: PageCursors::plain(),
    };
    of(home, ModerationApi::routes(), function)
}

pub(super) fn history(home: &Home) -> environment::Result<Router> {
    let function = HistoryApi {
        door: door_for_people(home)?,
        history: home.history()?,
        images: home.images()?,
        objects: home.objects()?,
        settings: home.settings()?,
        budget: home.replay_budget(),
    };
    of(home, HistoryApi::routes(), function)
}

pub(super) fn publish(home: &Home) -> environment::Result<Router> {
    let function =
        PublishApi { door: door(home)?, bus: home.bus()?, idempotency: home.idempotency()?, random: home.random() };
    of(home, PublishApi::routes(), function)
}

pub(super) fn web(home: &Home) -> environment::Result<Router> {
    let sign_in = home.environment.needed("LABELCAST_SIGN_IN_URL")?;
    let issuer = home.environment.needed("LABELCAST_ISSUER")?;
    let settings = WebSettings {
        api: home.api_url()?,
        live: home.live_url()?,
        objects: home.environment.needed("LABELCAST_OBJECTS_URL")?,
        authority: issuer.clone(),
        client_id: home.environment.needed("LABELCAST_CLIENT_ID")?,
        cli: CliSettings::of(home.environment.needed("LABELCAST_CLI_CLIENT_ID")?),
        // As the pool's own discovery names them; the web app need not ask for it.
        metadata: json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{sign_in}/oauth2/authorize"),
            "token_endpoint": format!("{sign_in}/oauth2/token"),
            "userinfo_endpoint": format!("{sign_in}/oauth2/userInfo"),
            "revocation_endpoint": format!("{sign_in}/oauth2/revoke"),
            "end_session_endpoint": format!("{sign_in}/logout"),
            "jwks_uri": home.jwks_url()?,
        }),
        scope: "openid email profile".to_owned(),
        languages: home.translator().languages(),
        max_upload_bytes: home.settings()?.max_upload_bytes,
        live_ping_seconds: WebSettings::PAID_PING_SECONDS,
    };
    let deployment = Deployment {
        api: home.api_url()?,
        live: home.live_url()?,
        max_upload_bytes: home.settings()?.max_upload_bytes,
        languages: home.translator().languages(),
    };
    let contracts = api::contracts(&deployment).layer(cross_origin::layer(&home.environment)?);
    Ok(WebApp::new(settings).router().merge(contracts))
}
