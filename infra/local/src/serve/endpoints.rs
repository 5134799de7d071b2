//! What is answered where.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use labelcast_functions::api;
use labelcast_functions::contract::Deployment;
use labelcast_functions::rest::{cross_origin, error, wrong_method};
use labelcast_web::{CliSettings, WebApp, WebSettings};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::backend::Backend;
use super::jobs::IngestOnCreation;
use super::socket;
use crate::objects;

pub(super) fn router(backend: &Backend<'_>) -> Router {
    let web_app = format!("{}/web/", backend.place.public_url);
    let objects = objects::router(backend.objects.clone(), Arc::new(IngestOnCreation(backend.dispatcher.clone())));
    let shared = Router::new().nest("/api", rest(backend)).merge(backend.sign_in.clone().router());
    let origins = &backend.provider.settings.allowed_origins;
    let shared = if origins.is_empty() {
        shared.merge(objects)
    } else {
        // Their pages show pictures too.
        let shown = SetResponseHeaderLayer::overriding(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
        // Before the layer, which answers preflights in front of what refuses their method.
        let shared = shared.merge(objects.layer(shown)).method_not_allowed_fallback(wrong_method);
        shared.layer(cross_origin(origins))
    };
    Router::new()
        .route("/", get(move || async move { Redirect::temporary(&web_app) }))
        .merge(shared)
        .merge(web(backend))
        .merge(socket::router(backend))
}

/// A handler that panics answers like every other failure of ours.
pub(super) fn catch_panics() -> CatchPanicLayer<impl Fn(Box<dyn Any + Send>) -> Response + Clone> {
    CatchPanicLayer::custom(|_| {
        // The panic hook has printed the words.
        metrics::counter!("labelcast_panics_total").increment(1);
        let message = "internal error; the operator can find the reason in the log";
        error(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    })
}

fn rest(backend: &Backend<'_>) -> Router {
    let deployment = Deployment {
        api: backend.place.api(),
        live: backend.place.live(),
        max_upload_bytes: backend.provider.settings.max_upload_bytes,
        languages: backend.provider.ports.translator.languages(),
    };
    let Ok(functions) = api::all_routes(backend.provider);
    api::with_fallbacks(api::contracts(&deployment).merge(functions))
}

fn web(backend: &Backend<'_>) -> Router {
    let settings = WebSettings {
        api: backend.place.api(),
        live: backend.place.live(),
        objects: backend.place.public_url.clone(),
        authority: backend.issuer.issuer().to_owned(),
        client_id: backend.issuer.client_id().to_owned(),
        cli: CliSettings::of(backend.issuer.cli_client_id()),
        metadata: backend.sign_in.metadata(),
        scope: "openid email profile".to_owned(),
        languages: backend.provider.ports.translator.languages(),
        max_upload_bytes: backend.provider.settings.max_upload_bytes,
        live_ping_seconds: WebSettings::PING_SECONDS,
        notice: backend.notice.clone(),
    };
    // The web app's addresses are of one origin, and so are its sign-in and its storage: `localhost` is led to it.
    let public_url = backend.place.public_url.clone();
    WebApp::new(settings).router().layer(from_fn(move |request: Request, next: Next| {
        let public_url = public_url.clone();
        async move { redirect_to_public_url(&public_url, request, next).await }
    }))
}

async fn redirect_to_public_url(public_url: &str, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let elsewhere = host.starts_with("localhost") && public_url.ends_with(&host.replacen("localhost", "127.0.0.1", 1));
    if elsewhere && !host.is_empty() {
        return Redirect::temporary(&format!("{public_url}{}", request.uri().path())).into_response();
    }
    next.run(request).await
}
