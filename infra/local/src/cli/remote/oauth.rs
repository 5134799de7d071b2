//! Signing in: the token endpoint, with a code or a refresh token, and PKCE.
//!
//! Source: RFC 6749, RFC 7636, RFC 7009; "Token endpoint" and "Revoke endpoint" in the Amazon Cognito developer guide.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::ports::Random;
use labelcast_functions::system::SystemRandom;
use reqwest::{Client, StatusCode, Url, header};
use serde::Deserialize;

use super::reason::reason;

/// Timeout of a call to the token endpoint.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The tokens issued by the token endpoint.
#[derive(Debug)]
pub(in crate::cli) struct Issued {
    pub(in crate::cli) id_token: String,
    pub(in crate::cli) expires_at: DateTime<Utc>,
    /// A new refresh token, if one was issued; it replaces the old one.
    pub(in crate::cli) refresh_token: Option<String>,
}

/// Why no tokens were issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum OauthError {
    /// The grant is refused for good: the user has to sign in again.
    #[error("{0}")]
    Ended(String),
    /// A temporary failure: the same code or refresh token may work later.
    #[error("{0}")]
    Unavailable(String),
}

/// A random text that cannot be guessed, of 43 characters.
pub(in crate::cli) fn secret() -> String {
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The challenge of a PKCE verifier (S256).
pub(in crate::cli) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref())
}

/// Fields encoded as `application/x-www-form-urlencoded`.
pub(in crate::cli) fn form(fields: &[(&str, &str)]) -> String {
    let mut url: Url = "http://localhost".parse().expect("this is an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
    expires_in: Option<u32>,
    refresh_token: Option<String>,
}

/// Requests tokens from the token endpoint.
pub(in crate::cli) async fn tokens(
    client: &Client,
    endpoint: &Url,
    fields: &[(&str, &str)],
) -> Result<Issued, OauthError> {
    let unavailable = |why: String| OauthError::Unavailable(format!("no tokens from {endpoint}: {why}"));
    // Before the request: what comes later is over sooner.
    let requested_at = Utc::now();
    let (status, text) = post(client, endpoint, fields).await.map_err(|error| unavailable(reason(&error)))?;
    if !status.is_success() {
        return Err(refusal(endpoint, status, &text));
    }
    let response: TokenResponse = serde_json::from_str(&text).map_err(|error| unavailable(error.to_string()))?;
    let id_token = response.id_token.ok_or_else(|| unavailable("no ID token in the response".to_owned()))?;
    let lifetime = TimeDelta::seconds(response.expires_in.unwrap_or(300).into());
    Ok(Issued { id_token, expires_at: requested_at + lifetime, refresh_token: response.refresh_token })
}

/// Only the error codes with which a token endpoint refuses a grant for good end a sign-in; anything else may be an outage, or
/// a proxy responding in its place.
fn refusal(endpoint: &Url, status: StatusCode, text: &str) -> OauthError {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let error = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or_default();
    match error {
        "invalid_grant" if status == StatusCode::BAD_REQUEST => {
            OauthError::Ended("the sign-in has expired; sign in again with `labelcast login`".to_owned())
        }
        "invalid_client" | "unauthorized_client" if status.is_client_error() => OauthError::Ended(format!(
            "the server no longer accepts this client ({error}); sign in again with `labelcast login`"
        )),
        _ => OauthError::Unavailable(format!("no tokens from {endpoint} ({status})")),
    }
}

/// Revokes a refresh token (RFC 7009).
pub(in crate::cli) async fn revoke(
    client: &Client,
    endpoint: &Url,
    client_id: &str,
    refresh_token: &str,
) -> Result<(), String> {
    match post(client, endpoint, &[("client_id", client_id), ("token", refresh_token)]).await {
        Ok((status, _)) if status.is_success() => Ok(()),
        Ok((status, _)) => Err(format!("{endpoint} responded with {status}")),
        Err(error) => Err(reason(&error)),
    }
}

async fn post(client: &Client, endpoint: &Url, fields: &[(&str, &str)]) -> reqwest::Result<(StatusCode, String)> {
    let request = client.post(endpoint.clone()).body(form(fields)).timeout(TIMEOUT);
    let response = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await?;
    Ok((response.status(), response.text().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_permanently_refused_grant_ends_a_sign_in() {
        let endpoint: Url = "https://a.example/oauth2/token".parse().unwrap();
        let ends = |status: u16, text: &str| {
            matches!(refusal(&endpoint, StatusCode::from_u16(status).unwrap(), text), OauthError::Ended(_))
        };
        assert!(ends(400, r#"{"error":"invalid_grant"}"#));
        assert!(ends(400, r#"{"error":"invalid_client"}"#));
        for (status, text) in [
            (500, r#"{"error":"invalid_grant"}"#),
            (503, r#"{"error":"temporarily_unavailable"}"#),
            (429, r#"{"error":"TooManyRequestsException"}"#),
            (400, "<html>"),
            (401, ""),
            (404, "not here"),
            (302, ""),
        ] {
            assert!(!ends(status, text), "{status} {text}");
        }
    }

    #[test]
    fn a_challenge_is_the_digest_of_its_verifier() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(secret().len(), 43);
        assert_eq!(form(&[("a", "x y&=é"), ("b", "")]), "a=x+y%26%3D%C3%A9&b=");
    }
}
