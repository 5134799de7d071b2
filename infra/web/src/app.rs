//! Serves the web app and its settings under `/web`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use labelcast_functions::rest::{Path, Precondition, Validators, error, fallback};

use crate::pages::Page;
use crate::settings::WebSettings;

/// Serves the embedded web app and its settings.
#[derive(Debug, Clone)]
pub struct WebApp {
    settings: Arc<WebSettings>,
}

impl WebApp {
    /// With what the web app needs to know.
    pub fn new(settings: WebSettings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// The routes of the web app.
    pub fn router(self) -> Router {
        Router::new()
            .route("/web", get(|| async { Redirect::permanent("web/") }))
            .route(
                "/web/",
                get(|web: State<Self>, method: Method, headers: HeaderMap| async move {
                    Page::find("index.html").map_or_else(not_built, |page| web.file(page, &method, &headers))
                }),
            )
            .route("/web/settings.json", get(settings))
            .route(
                "/web/{*path}",
                get(
                    |web: State<Self>,
                     Path(path): Path<String>,
                     method: Method,
                     uri: OriginalUri,
                     headers: HeaderMap| async move {
                        match Page::find(&path) {
                            Some(page) => web.file(page, &method, &headers),
                            None => fallback(uri).await.into_response(),
                        }
                    },
                ),
            )
            .with_state(self)
    }

    fn file(&self, page: Page, method: &Method, request: &HeaderMap) -> Response {
        let cache = if page.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let packed = takes_gzip(request);
        let etag = etag(page.gzipped, packed);
        let mut response = match (Validators { etag: &etag, modified: None }).check(method, request) {
            Precondition::Failed => {
                return error(
                    StatusCode::PRECONDITION_FAILED,
                    "precondition_failed",
                    "the web app was updated; reload it",
                );
            }
            Precondition::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Precondition::Passed if packed => Response::new(page.gzipped.into()),
            Precondition::Passed => Response::new(page.unpacked().into()),
        };
        let headers = response.headers_mut();
        if packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
        if let Ok(policy) = HeaderValue::from_str(&self.policy()) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// Only what the web app really uses: itself, the API, the socket, the objects and the sign-in.
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

/// Every browser does (RFC 9110, section 12.5.3); `gzip;q=0` is what nobody sends.
fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().unwrap_or_default().trim() == "gzip")
}

/// Checksum and length of the content, with which every gzip ends (RFC 1952, section 2.3.1). The packed form is another
/// representation, and has a tag of its own (RFC 9110, section 8.8.3.3).
fn etag(gzipped: &[u8], packed: bool) -> String {
    let end = hex::encode(&gzipped[gzipped.len().saturating_sub(8)..]);
    format!("\"{end}{}\"", if packed { "-gzip" } else { "" })
}

async fn settings(State(web): State<WebApp>) -> Response {
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
    const TEXT: &str = "The web app isn't built. Run `make web` (it needs Node 20 or newer) and build again; \
                        the REST API and the WebSocket work without it.\n";
    (StatusCode::NOT_FOUND, TEXT).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::to_bytes;
    use flate2::read::GzDecoder;

    use super::*;
    use crate::settings::CliSettings;

    /// The one file that is there whether the web app was built or not.
    fn page() -> Page {
        Page::find("licenses.txt").unwrap()
    }

    fn unpacked(gzipped: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        GzDecoder::new(gzipped).read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn web() -> WebApp {
        WebApp::new(WebSettings {
            api: "https://api.example.com".to_owned(),
            live: "wss://live.example.com".to_owned(),
            objects: "https://objects.example.com".to_owned(),
            authority: String::new(),
            client_id: String::new(),
            cli: CliSettings::of(""),
            metadata: serde_json::Value::Null,
            scope: String::new(),
            languages: Vec::new(),
            max_upload_bytes: 1,
            live_ping_seconds: WebSettings::PING_SECONDS,
            notice: None,
        })
    }

    async fn responded(accepted: &'static str) -> (Option<HeaderValue>, Vec<u8>) {
        let web = web();
        let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
        let response = web.file(page(), &Method::GET, &request);
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        let coding = response.headers().get(header::CONTENT_ENCODING).cloned();
        (coding, to_bytes(response.into_body(), 10 << 20).await.unwrap().into())
    }

    #[tokio::test]
    async fn the_web_app_is_sent_compressed_to_clients_that_accept_it_and_plain_to_others() {
        let (coding, packed) = responded("deflate, gzip;q=1.0, br").await;
        assert_eq!((coding.unwrap().as_bytes(), unpacked(&packed)), (&b"gzip"[..], page().unpacked()));
        assert_eq!(responded("identity, br").await, (None, page().unpacked()));
    }

    #[test]
    fn a_cached_file_is_not_sent_again() {
        let request = |name, value: &HeaderValue| {
            web().file(page(), &Method::GET, &HeaderMap::from_iter([(name, value.clone())]))
        };
        let etag = web().file(page(), &Method::GET, &HeaderMap::new()).headers()[header::ETAG].clone();
        let known = request(header::IF_NONE_MATCH, &etag);
        assert_eq!((known.status(), &known.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &etag));
        let other = request(header::IF_MATCH, &HeaderValue::from_static("\"other\""));
        assert_eq!(other.status(), StatusCode::PRECONDITION_FAILED);
        let packed = request(header::ACCEPT_ENCODING, &HeaderValue::from_static("gzip"));
        assert_ne!(packed.headers()[header::ETAG], etag);
    }
}
