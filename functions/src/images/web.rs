//! `web`: the built browser application under `/web`, and what it needs to know.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Serialize;

use crate::ports::Pages;

/// The function's parts.
#[derive(Clone)]
pub struct Web {
    /// The built page.
    pub pages: Arc<dyn Pages>,
    /// What it needs to know.
    pub settings: Arc<WebSettings>,
}

/// `settings.json`: where the page finds everything. No secrets.
#[derive(Debug, Clone, Serialize)]
pub struct WebSettings {
    /// The base of the REST API.
    pub api: String,
    /// The WebSocket.
    pub live: String,
    /// Where objects are fetched from and posted to.
    #[serde(skip)]
    pub objects: String,
    /// The issuer of ID tokens.
    pub authority: String,
    /// Ours, at the sign-in.
    pub client_id: String,
    /// The sign-in's endpoints, as OpenID discovery names them.
    pub metadata: serde_json::Value,
    /// What is asked for at sign-in.
    pub scope: String,
    /// Languages that a search can be in.
    pub languages: Vec<String>,
    /// The largest picture, in bytes.
    pub max_upload_bytes: u64,
}

impl Web {
    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/web", get(|| async { Redirect::permanent("web/") }))
            .route("/web/", get(|state: State<Self>| async move { state.0.file("index.html") }))
            .route("/web/settings.json", get(settings))
            .route(
                "/web/{*path}",
                get(|state: State<Self>, Path(path): Path<String>| async move { state.0.file(&path) }),
            )
            .with_state(self)
    }

    fn file(&self, path: &str) -> Response {
        let Some(page) = self.pages.get(path) else {
            return if path == "index.html" { not_built() } else { StatusCode::NOT_FOUND.into_response() };
        };
        let cache = if page.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = Response::new(Body::from(page.bytes.into_owned()));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if let Ok(kind) = HeaderValue::from_str(&page.content_type) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if let Ok(policy) = HeaderValue::from_str(&self.policy()) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// Only what the page really uses: itself, the API, the socket, the objects and the sign-in.
    fn policy(&self) -> String {
        let WebSettings { api, live, objects, metadata, .. } = &*self.settings;
        let sign_in = metadata["token_endpoint"].as_str().map(origin).unwrap_or_default();
        // A path would allow that one path alone (CSP level 3, section 6.7.2.11).
        let (api, live, objects) = (origin(api), origin(live), origin(objects));
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; \
             img-src 'self' blob: data: {objects}; connect-src 'self' {api} {live} {objects} {sign_in}; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    }
}

async fn settings(State(web): State<Web>) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], axum::Json(web.settings.as_ref().clone())).into_response()
}

/// `scheme://host:port` of a URL; a URL without a path is one already.
fn origin(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
        None => String::new(),
    }
}

fn not_built() -> Response {
    const TEXT: &str = "The page is not built. Run `make web` (it needs Node 20 or newer) and build again; \
                        the REST API and the WebSocket work without it.\n";
    (StatusCode::NOT_FOUND, TEXT).into_response()
}
