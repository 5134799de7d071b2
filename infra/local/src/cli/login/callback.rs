//! The loopback redirect URI that the browser returns to, served while the sign-in lasts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reqwest::Url;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// How long the user has to sign in.
const TIMEOUT: Duration = Duration::from_mins(10);
/// How long to wait for a port: another `login` may be about to end.
const PORT_TIMEOUT: Duration = Duration::from_secs(10);
const PORT_RETRY: Duration = Duration::from_millis(200);

/// A listener on the first registered redirect URI whose port is free.
pub(super) struct Callback {
    pub(super) redirect_uri: String,
    listeners: Vec<TcpListener>,
    path: String,
}

/// The query parameters that the browser brings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Brought {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Clone)]
struct Waiting {
    state: Arc<str>,
    response: Arc<Mutex<Option<oneshot::Sender<Outcome>>>>,
}

/// Returns the code, or why there is none.
type Outcome = Result<String, String>;

impl Callback {
    /// Binds the first of these redirect URIs whose port is free.
    pub(super) async fn listen(redirect_uris: &[String]) -> Result<Self, String> {
        let addresses: Vec<(String, Url)> =
            redirect_uris.iter().filter_map(|uri| Some((uri.clone(), loopback(uri)?))).collect();
        if addresses.is_empty() {
            return Err("the server names no redirect address on this machine".to_owned());
        }
        let begun = tokio::time::Instant::now();
        loop {
            for (uri, url) in &addresses {
                if let Some(listeners) = bind(url.port_or_known_default().unwrap_or(80)).await {
                    return Ok(Self { redirect_uri: uri.clone(), listeners, path: url.path().to_owned() });
                }
            }
            if begun.elapsed() > PORT_TIMEOUT {
                let ports: Vec<String> =
                    addresses.iter().filter_map(|(_, url)| url.port()).map(|port| port.to_string()).collect();
                return Err(format!(
                    "the ports for the browser's redirect are in use ({}): stop the program that uses them, or another \
                     `labelcast login`",
                    ports.join(", ")
                ));
            }
            tokio::time::sleep(PORT_RETRY).await;
        }
    }

    /// Waits for the code that the browser brings together with this state.
    pub(super) async fn code(self, state: &str) -> Result<String, String> {
        let (response, received) = oneshot::channel();
        let waiting = Waiting { state: state.into(), response: Arc::new(Mutex::new(Some(response))) };
        let router = Router::new().route(&self.path, get(take)).with_state(waiting);
        let stop = tokio_util::sync::CancellationToken::new();
        let serving: Vec<_> = self
            .listeners
            .into_iter()
            .map(|listener| {
                let stop = stop.clone().cancelled_owned();
                let serving = axum::serve(listener, router.clone()).with_graceful_shutdown(stop);
                AbortOnDropHandle::new(tokio::spawn(async move { serving.await }))
            })
            .collect();
        let outcome = tokio::time::timeout(TIMEOUT, received).await;
        // The page that says so is still on its way.
        stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), futures_util::future::join_all(serving)).await;
        match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the sign-in was interrupted".to_owned()),
            Err(_) => Err(format!("timed out: no sign-in within {} minutes", TIMEOUT.as_secs() / 60)),
        }
    }
}

/// Keeps plain-HTTP addresses on loopback; other redirect URIs cannot be served here.
fn loopback(uri: &str) -> Option<Url> {
    let url: Url = uri.parse().ok()?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    (url.scheme() == "http" && here).then_some(url)
}

/// Both addresses of `localhost`, as browsers try either; IPv6 may not be there.
async fn bind(port: u16) -> Option<Vec<TcpListener>> {
    let four = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.ok()?;
    let six = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
    match six {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => None,
        six => Some(std::iter::once(four).chain(six.ok()).collect()),
    }
}

async fn take(State(waiting): State<Waiting>, Query(brought): Query<Brought>) -> Response {
    // Any page can send a browser here; only the real sign-in knows the state.
    if brought.state.as_deref() != Some(&*waiting.state) {
        return page(StatusCode::BAD_REQUEST, "This response doesn't belong to the sign-in in progress.");
    }
    let outcome = match (brought.code, brought.error) {
        (Some(code), None) if !code.is_empty() => Ok(code),
        (_, error) => {
            let error = error.unwrap_or_else(|| "no code was returned".to_owned());
            let more = brought.error_description.map(|more| format!(": {more}")).unwrap_or_default();
            Err(format!("the sign-in was refused ({error}{more})"))
        }
    };
    let shown = match &outcome {
        Ok(_) => page(StatusCode::OK, "You're signed in. Close this window and return to the command line."),
        Err(_) => page(StatusCode::OK, "The sign-in was refused. See the command line for the reason."),
    };
    let response = waiting.response.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(response) = response {
        // The command may just have timed out.
        let _ = response.send(outcome);
    }
    shown
}

fn page(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a port that the test was given.
    async fn waiting(state: &str) -> (String, tokio::task::JoinHandle<Result<String, String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/callback", listener.local_addr().unwrap());
        let callback = Callback { redirect_uri: uri.clone(), listeners: vec![listener], path: "/callback".to_owned() };
        let state = state.to_owned();
        (uri, tokio::spawn(async move { callback.code(&state).await }))
    }

    #[tokio::test]
    async fn only_a_response_with_the_state_of_the_request_is_accepted() {
        let (uri, code) = waiting("right").await;
        for foreign in ["?code=evil", "?code=evil&state=wrong", "?error=access_denied", ""] {
            let response = reqwest::get(format!("{uri}{foreign}")).await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{foreign}");
        }
        let response = reqwest::get(format!("{uri}?code=good&state=right")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(code.await.unwrap().as_deref(), Ok("good"));
    }

    #[tokio::test]
    async fn a_refusal_is_reported_with_its_reason() {
        let (uri, code) = waiting("right").await;
        reqwest::get(format!("{uri}?state=right&error=access_denied&error_description=no")).await.unwrap();
        assert_eq!(code.await.unwrap().unwrap_err(), "the sign-in was refused (access_denied: no)");
    }

    #[test]
    fn the_callback_listens_only_on_loopback() {
        for here in ["http://localhost:1/callback", "http://127.0.0.1:1/c", "http://[::1]:1/c"] {
            assert!(loopback(here).is_some(), "{here}");
        }
        for elsewhere in ["https://localhost:1/c", "http://localhost.evil.example/c", "http://192.0.2.1/c", "app:/c"] {
            assert!(loopback(elsewhere).is_none(), "{elsewhere}");
        }
    }
}
