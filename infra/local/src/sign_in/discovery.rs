//! What OpenID clients look up.

use axum::Json;
use axum::extract::State;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use super::SignIn;
use super::authorize::SCOPES;

pub(super) fn metadata(sign_in: &SignIn) -> Value {
    let at = |path: &str| format!("{}{path}", sign_in.place.public_url);
    json!({
        "issuer": sign_in.issuer.issuer(),
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userInfo"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "end_session_endpoint": at("/logout"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "scopes_supported": SCOPES,
    })
}

pub(super) async fn configuration(State(sign_in): State<SignIn>) -> Json<Value> {
    Json(metadata(&sign_in))
}

pub(super) async fn keys(State(sign_in): State<SignIn>) -> Json<JwkSet> {
    Json(sign_in.issuer.jwks())
}
