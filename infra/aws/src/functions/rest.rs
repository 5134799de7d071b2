//! The functions behind the REST API.

use std::sync::Arc;

use axum::Router;
use labelcast_functions::api;
use labelcast_functions::images::{EmbeddedPages, ImageApi, ModerationApi, SearchApi, UploadApi, Web, WebSettings};
use labelcast_functions::live::{HistoryApi, PublishApi};
use labelcast_functions::rest::Door;
use lambda_runtime::Error;
use serde_json::json;
use tower::ServiceExt;

use crate::environment;
use crate::home::Home;
use crate::telemetry::Metrics;

/// Serves a router; API Gateway's stage is not part of its paths.
pub(super) async fn serve(router: Router, metrics: &'static Metrics) -> Result<(), Error> {
    lambda_http::run(lambda_http::service_fn(move |request: lambda_http::Request| {
        let router = router.clone();
        async move {
            let answer = router.oneshot(without_stage(request)).await;
            metrics.flush();
            answer
        }
    }))
    .await
}

/// `lambda_http` puts the stage in front of the path, as the client sees it.
fn without_stage(mut request: lambda_http::Request) -> lambda_http::Request {
    use lambda_http::RequestExt;
    let path = request.raw_http_path().to_owned();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}{query}").parse() {
        *request.uri_mut() = uri;
    }
    request
}

fn door(home: &Home) -> environment::Result<Door> {
    Ok(Door { verifier: home.verifier()?, keys: home.keys()?, clock: home.clock() })
}

fn of(home: &Home, function: utoipa_axum::router::OpenApiRouter) -> environment::Result<Router> {
    Ok(api::router([function], &home.api_url()?, &home.live_url()?))
}

pub(super) fn upload(home: &Home) -> environment::Result<Router> {
    let function = UploadApi {
        door: door(home)?,
        uploads: home.uploads()?,
        objects: home.objects()?,
        random: home.random(),
        settings: home.settings()?,
    };
    of(home, function.router())
}

pub(super) fn search(home: &Home) -> environment::Result<Router> {
    let function = SearchApi {
        door: door(home)?,
        images: home.images()?,
        objects: home.objects()?,
        translator: home.translator(),
    };
    of(home, function.router())
}

pub(super) fn image(home: &Home) -> environment::Result<Router> {
    let function = ImageApi { door: door(home)?, images: home.images()?, objects: home.objects()?, bus: home.bus()? };
    of(home, function.router())
}

pub(super) fn moderation(home: &Home) -> environment::Result<Router> {
    of(home, ModerationApi { door: door(home)?, images: home.images()?, objects: home.objects()? }.router())
}

pub(super) fn history(home: &Home) -> environment::Result<Router> {
    let function = HistoryApi {
        door: door(home)?,
        history: home.history()?,
        images: home.images()?,
        objects: home.objects()?,
        settings: home.settings()?,
    };
    of(home, function.router())
}

pub(super) fn publish(home: &Home) -> environment::Result<Router> {
    let function =
        PublishApi { door: door(home)?, bus: home.bus()?, idempotency: home.idempotency()?, random: home.random() };
    of(home, function.router())
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
        // As the pool's own discovery names them; the page need not ask for it.
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
    };
    Ok(Web { pages: Arc::new(EmbeddedPages), settings: Arc::new(settings) }.router())
}
