//! Commands renew their tokens by themselves, next to each other and through outages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use chrono::{TimeDelta, Utc};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};

use crate::frames::response;
use crate::running::{Running, text};
use crate::server::send;

/// An issuer that rotates refresh tokens, and an API that takes its newest token only.
struct Issuer {
    url: String,
    state: Arc<Mutex<Issued>>,
    live: TcpListener,
    config: TempDir,
}

#[derive(Default)]
struct Issued {
    renewals: usize,
    /// What it answers instead.
    outage: Option<(u16, Value)>,
}

impl Issued {
    fn token(&self) -> String {
        format!("token-{}", self.renewals)
    }

    fn refresh_token(&self) -> String {
        format!("refresh-{}", self.renewals)
    }
}

impl Issuer {
    /// With a sign-in that is kept, whose token ends so many seconds from now.
    async fn start(seconds: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Issued::default()));
        let settings = json!({"api": url, "live": format!("ws://{}", live.local_addr().unwrap())});
        let router = Router::new()
            .route("/web/settings.json", get(async move || Json(settings)))
            .route("/images", get(search))
            .route("/oauth2/token", post(renew))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = TempDir::new().unwrap();
        std::fs::create_dir(config.path().join("labelcast")).unwrap();
        let kept = json!({"servers": {&url: {"client_id": "cli", "token_endpoint": format!("{url}/oauth2/token"),
            "revocation_endpoint": null, "refresh_token": "refresh-0", "id_token": "token-0",
            "expires_at": Utc::now() + TimeDelta::seconds(seconds)}}});
        std::fs::write(config.path().join("labelcast/sign-ins.json"), kept.to_string()).unwrap();
        Self { url, state, live, config }
    }

    fn labelcast(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labelcast"));
        command.args(arguments).env_remove("LABELCAST_TOKEN").env("LABELCAST_URL", &self.url);
        command.env("XDG_CONFIG_HOME", self.config.path()).kill_on_drop(true);
        command
    }

    async fn search(&self) -> std::process::Output {
        self.labelcast(&["search", "dog"]).output().await.unwrap()
    }

    fn renewals(&self) -> usize {
        self.state.lock().unwrap().renewals
    }

    fn responses(&self, outage: Option<(u16, Value)>) {
        self.state.lock().unwrap().outage = outage;
    }

    fn is_kept(&self) -> bool {
        let text = std::fs::read(self.config.path().join("labelcast/sign-ins.json")).unwrap();
        let contents: Value = serde_json::from_slice(&text).unwrap();
        contents["servers"].get(&self.url).is_some()
    }

    /// Accepts a handshake, or refuses it; the token that was shown.
    async fn handshake(&self, refuse: Option<StatusCode>) -> (Option<crate::server::Socket>, String) {
        let shown = Mutex::new(String::new());
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let check = |request: &Request, response| {
            request.headers()["authorization"].to_str().unwrap().clone_into(&mut shown.lock().unwrap());
            let Some(status) = refuse else { return Ok(response) };
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = status;
            Err(refused)
        };
        let stream = self.live.accept().await.unwrap().0;
        let socket = accept_hdr_async(stream, check).await.ok();
        (socket, shown.into_inner().unwrap())
    }
}

async fn renew(State(state): State<Arc<Mutex<Issued>>>, Form(request): Form<HashMap<String, String>>) -> Response {
    let mut state = state.lock().unwrap();
    if let Some((status, body)) = &state.outage {
        return (StatusCode::from_u16(*status).unwrap(), Json(body.clone())).into_response();
    }
    if request["grant_type"] != "refresh_token" || request["refresh_token"] != state.refresh_token() {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    state.renewals += 1;
    let (id_token, refresh_token) = (state.token(), state.refresh_token());
    Json(json!({"id_token": id_token, "access_token": "a", "expires_in": 900, "refresh_token": refresh_token}))
        .into_response()
}

async fn search(State(state): State<Arc<Mutex<Issued>>>, headers: HeaderMap) -> Response {
    let good = headers["authorization"] == format!("Bearer {}", state.lock().unwrap().token());
    match good {
        true => Json(json!({"images": [], "next": null})).into_response(),
        false => (StatusCode::UNAUTHORIZED, Json(json!({"error": {"code": "unauthorized", "message": "no"}})))
            .into_response(),
    }
}

#[tokio::test]
async fn concurrent_commands_renew_once_and_never_consume_each_others_refresh_token() {
    let issuer = Issuer::start(0).await;
    let outputs = futures_util::future::join_all((0..8).map(|_| issuer.search())).await;
    for output in outputs {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    assert_eq!(issuer.renewals(), 1);
    assert_eq!(issuer.search().await.status.code(), Some(0));
    assert_eq!(issuer.renewals(), 1, "what was renewed is used as long as it is good");
}

#[tokio::test]
async fn a_token_refused_early_is_renewed_and_the_call_repeated() {
    let issuer = Issuer::start(900).await;
    {
        let mut state = issuer.state.lock().unwrap();
        state.renewals = 4;
    }
    let refused = issuer.search().await;
    assert_eq!(refused.status.code(), Some(1), "that refresh token was exchanged long ago");
    assert!(!issuer.is_kept());

    let issuer = Issuer::start(900).await;
    let path = issuer.config.path().join("labelcast/sign-ins.json");
    let text_before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text_before.replace("token-0", "token-old").replace("refresh-old", "refresh-0")).unwrap();
    let output = issuer.search().await;
    assert_eq!((output.status.code(), issuer.renewals()), (Some(0), 1), "{}", text(&output.stderr));
}

#[tokio::test]
async fn an_outage_of_the_issuer_signs_nobody_out() {
    let issuer = Issuer::start(0).await;
    for outage in [
        (503, json!({"error": "temporarily_unavailable"})),
        (500, json!({})),
        (429, json!({"error": "slow_down"})),
        (400, json!("a proxy's own words")),
        (200, json!({"access_token": "no ID token"})),
    ] {
        issuer.responses(Some(outage.clone()));
        let output = issuer.search().await;
        assert_eq!(output.status.code(), Some(1), "{outage:?}");
        assert!(issuer.is_kept(), "{outage:?}");
    }
    issuer.responses(None);
    assert_eq!(issuer.search().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_watch_refreshes_its_token_on_the_socket_and_retries_when_one_is_refused() {
    // Renewed a minute before the end.
    let issuer = Issuer::start(62).await;
    let watch = Running::start(issuer.labelcast(&["watch", "labels", "--json"]));
    let (socket, shown) = issuer.handshake(None).await;
    assert_eq!(shown, "Bearer token-0");
    let mut socket = socket.unwrap();
    let subscribe = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(subscribe.contains("subscribe"), "{subscribe}");
    send(&mut socket, &response("labels", false, 1)).await;
    let refresh: Value = serde_json::from_str(&socket.next().await.unwrap().unwrap().into_text().unwrap()).unwrap();
    assert_eq!(refresh, json!({"action": "refresh", "token": "token-1"}));
    drop(socket);

    // The server's word counts: the new one is refused, as after a change of the password.
    let (_, shown) = issuer.handshake(Some(StatusCode::SERVICE_UNAVAILABLE)).await;
    assert_eq!(shown, "Bearer token-1", "an outage is no reason to renew");
    let (_, shown) = issuer.handshake(Some(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(shown, "Bearer token-1");
    let (socket, shown) = issuer.handshake(None).await;
    assert_eq!(shown, "Bearer token-2");
    drop(socket);
    assert_eq!(issuer.renewals(), 2);
    assert_eq!(watch.interrupt().await, Some(0));
}
