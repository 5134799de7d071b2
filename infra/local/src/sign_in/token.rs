//! `/oauth2/token`, `/oauth2/revoke`, `/oauth2/userInfo`.

use aws_lc_rs::digest;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use labelcast_functions::model::Name;
use labelcast_functions::token;
use serde::Deserialize;
use serde_json::{Value, json};

use super::grants::{Detail, Kind};
use super::tokens::{LIFETIME, Occasion};
use super::{SignIn, page};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
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
    answer(StatusCode::BAD_REQUEST, &json!({"error": error}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

pub(super) async fn token(State(sign_in): State<SignIn>, form: Result<Form<Asked>, FormRejection>) -> Response {
    let Ok(Form(asked)) = form else { return refused("invalid_request") };
    if asked.client_id != sign_in.issuer.client_id() {
        return refused("invalid_client");
    }
    let found = match asked.grant_type.as_str() {
        "authorization_code" => sign_in.grants.take(Kind::Code, &asked.code).await,
        "refresh_token" => sign_in.grants.find(Kind::Refresh, &asked.refresh_token).await,
        _ => return refused("unsupported_grant_type"),
    };
    let (name, detail) = match found {
        Ok(Some(grant)) => grant,
        Ok(None) => return refused("invalid_grant"),
        Err(error) => return page::failed(&error),
    };
    let by_code = asked.grant_type == "authorization_code";
    if by_code && (detail.redirect_uri != asked.redirect_uri || !is_verified(&asked.code_verifier, &detail)) {
        return refused("invalid_grant");
    }
    sign_in.issue(&name, &detail, by_code).await
}

/// RFC 7636, 4.6.
fn is_verified(verifier: &str, detail: &Detail) -> bool {
    let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
    (43..=128).contains(&verifier.len()) && URL_SAFE_NO_PAD.encode(digest.as_ref()) == detail.code_challenge
}

impl SignIn {
    async fn issue(&self, name: &Name, detail: &Detail, with_refresh: bool) -> Response {
        let user = match self.users.find(name).await {
            Ok(Some(user)) => user,
            Ok(None) => return refused("invalid_grant"),
            Err(error) => return page::failed(&error),
        };
        let occasion = Occasion {
            now: self.clock.now(),
            signed_in_at: detail.signed_in_at,
            nonce: detail.nonce.as_deref(),
            scope: &detail.scope,
        };
        let mut body = json!({
            "access_token": self.issuer.access_token(&user, &occasion),
            "token_type": "Bearer",
            "expires_in": LIFETIME.num_seconds(),
        });
        if detail.scope.split(' ').any(|scope| scope == "openid") {
            body["id_token"] = json!(self.issuer.id_token_for(&user, &occasion));
        }
        // As Cognito: a refresh gives no new refresh token.
        if with_refresh {
            match self.grants.make(Kind::Refresh, name, detail).await {
                Ok(secret) => body["refresh_token"] = json!(secret),
                Err(error) => return page::failed(&error),
            }
        }
        answer(StatusCode::OK, &body)
    }
}

pub(super) async fn revoke(State(sign_in): State<SignIn>, form: Result<Form<Asked>, FormRejection>) -> Response {
    let Ok(Form(asked)) = form else { return refused("invalid_request") };
    match sign_in.grants.take(Kind::Refresh, &asked.token).await {
        // A token that is good no longer is revoked already (RFC 7009, 2.2).
        Ok(_) => answer(StatusCode::OK, &json!({})),
        Err(error) => page::failed(&error),
    }
}

pub(super) async fn user_info(State(sign_in): State<SignIn>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token::bearer);
    let name = token.and_then(|token| sign_in.issuer.verify_access(token, sign_in.clock.now()));
    let user = match name.and_then(|name| name.parse::<Name>().ok()) {
        Some(name) => sign_in.users.find(&name).await,
        None => Ok(None),
    };
    match user {
        Ok(Some(user)) => answer(StatusCode::OK, &json!({"sub": user.sub, "username": user.name})),
        Ok(None) => answer(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"})),
        Err(error) => page::failed(&error),
    }
}
