//! `/oauth2/token`, `/oauth2/revoke`, `/oauth2/userInfo`.

use std::fmt::Display;

use aws_lc_rs::digest;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::model::Name;
use labelcast_functions::rest::ClientAddress;
use labelcast_functions::token;
use serde::Deserialize;
use serde_json::{Value, json};

use super::grants::{Detail, Exchanged, Kind};
use super::tokens::{LIFETIME, TokenContext};
use super::{SignIn, page};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TokenRequest {
    grant_type: String,
    client_id: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    token: String,
}

/// RFC 6749, 5.2.
fn refused(error: &'static str) -> Response {
    response(StatusCode::BAD_REQUEST, &json!({"error": error}))
}

fn response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// An internal failure: logged in detail here; the client gets no detail.
fn failed(error: &dyn Display) -> Response {
    page::note_failure(error);
    response(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "temporarily_unavailable"}))
}

pub(super) async fn token(State(sign_in): State<SignIn>, form: Result<Form<TokenRequest>, FormRejection>) -> Response {
    let Ok(Form(request)) = form else { return refused("invalid_request") };
    if sign_in.client(&request.client_id).is_none() {
        return refused("invalid_client");
    }
    match request.grant_type.as_str() {
        "authorization_code" => sign_in.by_code(request).await,
        "refresh_token" => sign_in.by_refresh_token(&request).await,
        _ => refused("unsupported_grant_type"),
    }
}

/// RFC 7636, 4.6.
fn is_verified(verifier: &str, detail: &Detail) -> bool {
    let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
    (43..=128).contains(&verifier.len()) && URL_SAFE_NO_PAD.encode(digest.as_ref()) == detail.code_challenge
}

impl SignIn {
    async fn by_code(&self, request: TokenRequest) -> Response {
        let TokenRequest { code, client_id, redirect_uri, code_verifier, .. } = request;
        let accepts = move |detail: &Detail| {
            detail.redirect_uri == redirect_uri && detail.client_id == client_id && is_verified(&code_verifier, detail)
        };
        match self.grants.exchange(&code, accepts).await {
            Ok(Some(Exchanged { user, detail, refresh_token })) => {
                self.issue(&user, &detail, Some(refresh_token)).await
            }
            Ok(None) => refused("invalid_grant"),
            Err(error) => failed(&error),
        }
    }

    /// As Cognito: gives no new refresh token.
    async fn by_refresh_token(&self, request: &TokenRequest) -> Response {
        match self.grants.find(Kind::Refresh, &request.refresh_token).await {
            Ok(Some((_, detail))) if detail.client_id != request.client_id && !self.is_old_web(&detail, request) => {
                refused("invalid_grant")
            }
            Ok(Some((user, detail))) => self.issue(&user, &detail, None).await,
            Ok(None) => refused("invalid_grant"),
            Err(error) => failed(&error),
        }
    }

    /// Whether it was issued before there was more than one application, and the web app asks.
    fn is_old_web(&self, detail: &Detail, request: &TokenRequest) -> bool {
        detail.client_id.is_empty() && self.is_web(&request.client_id)
    }

    async fn issue(&self, name: &Name, detail: &Detail, refresh_token: Option<String>) -> Response {
        let user = match self.users.find(name).await {
            Ok(Some(user)) if user.version == detail.account_version => user,
            Ok(_) => return refused("invalid_grant"),
            Err(error) => return failed(&error),
        };
        let event = self.random.id();
        let context = TokenContext {
            now: self.clock.now(),
            signed_in_at: detail.signed_in_at,
            nonce: detail.nonce.as_deref(),
            scope: &detail.scope,
            client: if detail.client_id.is_empty() { self.issuer.client_id() } else { &detail.client_id },
            origin: &detail.origin,
            event: &event,
        };
        let mut body = json!({
            "access_token": self.issuer.access_token(&user, &context),
            "token_type": "Bearer",
            "expires_in": LIFETIME.num_seconds(),
        });
        if detail.scope.split_ascii_whitespace().any(|scope| scope == "openid") {
            body["id_token"] = json!(self.issuer.id_token_for(&user, &context));
        }
        if let Some(refresh_token) = refresh_token {
            body["refresh_token"] = json!(refresh_token);
        }
        response(StatusCode::OK, &body)
    }
}

pub(super) async fn revoke(
    State(sign_in): State<SignIn>,
    ClientAddress(address): ClientAddress,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else { return refused("invalid_request") };
    let Some(client) = sign_in.client(&request.client_id) else { return refused("invalid_client") };
    if request.token.is_empty() {
        return refused("invalid_request");
    }
    match sign_in.grants.revoke(&request.token).await {
        // A token that is good no longer is revoked already (RFC 7009, 2.2).
        Ok(user) => {
            if let Some(user) = user {
                let record = Record::new(Action::TokenRevoked, Outcome::Succeeded, user);
                record.what(client.name).address(address).log();
            }
            response(StatusCode::OK, &json!({}))
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn user_info(State(sign_in): State<SignIn>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token::bearer);
    let holder = token.and_then(|token| sign_in.issuer.verify_access(token, sign_in.clock.now()));
    let user = match holder.as_ref().and_then(|holder| holder.username.parse::<Name>().ok()) {
        Some(name) => sign_in.users.find(&name).await,
        None => Ok(None),
    };
    // Somebody else may have the name by now, or the account may have changed.
    match user.map(|user| user.filter(|user| holder.is_some_and(|holder| holder.is(user)))) {
        Ok(Some(user)) => response(StatusCode::OK, &json!({"sub": user.sub, "username": user.name})),
        Ok(None) => {
            let mut response = response(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"}));
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Err(error) => failed(&error),
    }
}
