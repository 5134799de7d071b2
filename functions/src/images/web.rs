//! `web`: the built browser application under `/web`, and what it needs to know.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use serde::Serialize;

use crate::ports::Pages;
use crate::rest::{Path, Precondition, Validators, error, fallback};

/// The web app's files and settings, with what serves them.
#[derive(Clone)]
pub struct Web {
    /// The files of the web app, if it was built.
    pub pages: Arc<dyn Pages>,
    /// What it needs to know.
    pub settings: Arc<WebSettings>,
}

/// `settings.json`: where the web app finds everything. No secrets.
#[derive(Debug, Clone, Serialize)]
pub struct WebSettings {
    /// The base of the REST API.
    pub api: String,
    /// The URL of the WebSocket.
    pub live: String,
    /// Where objects are fetched from and posted to.
    #[serde(skip)]
    pub objects: String,
    /// The issuer of ID tokens.
    pub authority: String,
    /// The web app's client id at the sign-in.
    pub client_id: String,
    /// What the command line signs in with.
    pub cli: CliSettings,
    /// The sign-in's endpoints, as OpenID discovery names them.
    pub metadata: serde_json::Value,
    /// What is asked for at sign-in.
    pub scope: String,
    /// Languages that a search can be in.
    pub languages: Vec<String>,
    /// The largest picture, in bytes.
    pub max_upload_bytes: u64,
    /// How often the web app checks its live connection while somebody looks at it, in seconds.
    pub live_ping_seconds: u32,
}

impl WebSettings {
    /// Where a ping costs nothing: with the 6 s that the web app waits for a response it knows within 20 s that the line is dead.
    pub const PING_SECONDS: u32 = 10;
    /// Where each message is paid for: enough for what closes idle connections after ten minutes. Beside it the web app pings
    /// when it becomes visible, and when the browser says that the network changed.
    pub const PAID_PING_SECONDS: u32 = 240;
}

/// Where the command line is returned to after signing in: addresses on the user's own machine, fixed because those who
/// issue tokens compare them letter by letter; several, because one may be taken. `localhost`, because Cognito takes no
/// other name without TLS.
pub const CLI_REDIRECT_URIS: [&str; 3] =
    ["http://localhost:8976/callback", "http://localhost:8977/callback", "http://localhost:8978/callback"];

/// What `labelcast login` needs to know.
#[derive(Debug, Clone, Serialize)]
pub struct CliSettings {
    /// The command line's, at the sign-in.
    pub client_id: String,
    /// Where it may be returned to.
    pub redirect_uris: Vec<String>,
}

impl CliSettings {
    /// The settings for this client id.
    pub fn of(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), redirect_uris: CLI_REDIRECT_URIS.map(str::to_owned).to_vec() }
    }
}

impl Web {
    /// The routes of the web app.
    pub fn router(self) -> Router {
        Router::new()
            .route("/web", get(|| async { Redirect::permanent("web/") }))
            .route(
                "/web/",
                get(|web: State<Self>, method: Method, headers: HeaderMap| async move {
                    web.file("index.html", &method, &headers)
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
                        match web.pages.get(&path) {
                            Some(_) => web.file(&path, &method, &headers),
                            None => fallback(uri).await.into_response(),
                        }
                    },
                ),
            )
            .with_state(self)
    }

    fn file(&self, path: &str, method: &Method, asked: &HeaderMap) -> Response {
        let Some(page) = self.pages.get(path) else { return not_built() };
        let cache = if page.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let packed = takes_gzip(asked);
        let etag = etag(page.gzipped, packed);
        let mut response = match (Validators { etag: &etag, modified: None }).check(method, asked) {
            Precondition::Failed => {
                return error(
                    StatusCode::PRECONDITION_FAILED,
                    "precondition_failed",
                    "there is another version by now",
                );
            }
            Precondition::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Precondition::Passed if packed => Response::new(page.gzipped.into()),
            Precondition::Passed => Response::new(unpacked(page.gzipped).into()),
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
fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
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

fn unpacked(gzipped: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(gzipped).read_to_end(&mut bytes).expect("what was packed when this was built can be unpacked");
    bytes
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
    const TEXT: &str = "The web app isn't built. Run `make web` (it needs Node 20 or newer) and build again; \
                        the REST API and the WebSocket work without it.\n";
    (StatusCode::NOT_FOUND, TEXT).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::body::to_bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::ports::Page;

    const PAGE: &[u8] = b"<!doctype html>";

    struct OnePage;

    impl Pages for OnePage {
        fn get(&self, path: &str) -> Option<Page> {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(PAGE).unwrap();
            let gzipped = gzip.finish().unwrap().leak();
            (path == "index.html").then(|| Page { gzipped, content_type: "text/html".to_owned(), immutable: false })
        }
    }

    fn web() -> Web {
        let settings = WebSettings {
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
        };
        Web { pages: Arc::new(OnePage), settings: Arc::new(settings) }
    }

    async fn answered(accepted: &'static str) -> (Option<HeaderValue>, Vec<u8>) {
        let web = web();
        let asked = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
        let response = web.file("index.html", &Method::GET, &asked);
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        let coding = response.headers().get(header::CONTENT_ENCODING).cloned();
        (coding, to_bytes(response.into_body(), 1_000).await.unwrap().into())
    }

    #[tokio::test]
    async fn the_page_goes_packed_to_who_takes_it_so_and_as_it_is_to_others() {
        let (coding, packed) = answered("deflate, gzip;q=1.0, br").await;
        assert_eq!((coding.unwrap().as_bytes(), unpacked(&packed)), (&b"gzip"[..], PAGE.to_vec()));
        assert_eq!(answered("identity, br").await, (None, PAGE.to_vec()));
    }

    #[test]
    fn a_page_that_the_browser_has_is_not_sent_again() {
        let asked = |name, value: &HeaderValue| {
            web().file("index.html", &Method::GET, &HeaderMap::from_iter([(name, value.clone())]))
        };
        let etag = web().file("index.html", &Method::GET, &HeaderMap::new()).headers()[header::ETAG].clone();
        let known = asked(header::IF_NONE_MATCH, &etag);
        assert_eq!((known.status(), &known.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &etag));
        let other = asked(header::IF_MATCH, &HeaderValue::from_static("\"other\""));
        assert_eq!(other.status(), StatusCode::PRECONDITION_FAILED);
        let packed = asked(header::ACCEPT_ENCODING, &HeaderValue::from_static("gzip"));
        assert_ne!(packed.headers()[header::ETAG], etag);
    }
}
