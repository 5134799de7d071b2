//! `/oauth2/authorize`: begins the code flow, with PKCE.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use labelcast_functions::rest::Query;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::grants::{Detail, Kind};
use super::{SignIn, cookies, page};
use crate::users::User;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What may be asked for.
pub(super) const SCOPES: [&str; 4] = ["openid", "email", "profile", "phone"];

/// What is asked for; handed on through the login page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizeRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) response_type: String,
    pub(super) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: String,
    pub(super) code_challenge_method: String,
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

impl AuthorizeRequest {
    /// As a query string.
    pub(super) fn query(&self) -> String {
        let fields = [
            ("client_id", Some(&self.client_id)),
            ("redirect_uri", Some(&self.redirect_uri)),
            ("response_type", Some(&self.response_type)),
            ("scope", Some(&self.scope)),
            ("state", self.state.as_ref()),
            ("nonce", self.nonce.as_ref()),
            ("code_challenge", Some(&self.code_challenge)),
            ("code_challenge_method", Some(&self.code_challenge_method)),
        ];
        let pairs =
            fields.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={}", encoded(value))));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn back(&self, outcome: &str) -> Response {
        let state = self.state.as_ref().map(|state| format!("&state={}", encoded(state))).unwrap_or_default();
        redirect(&format!("{}?{outcome}{state}", self.redirect_uri))
    }

    /// Why it cannot be done: on a page of ours where the address to return to is not to be trusted, else over there.
    pub(super) fn refusal(&self, sign_in: &SignIn) -> Option<Response> {
        let client = sign_in.client(&self.client_id);
        let words = if client.is_none() {
            "The application that sent you here isn't registered."
        } else if !client.is_some_and(|client| client.return_urls.contains(&self.redirect_uri)) {
            "The application wants to redirect to an address that it isn't registered for."
        } else if self.query().len() > 4_000 {
            "The application's request is too large."
        } else if self.response_type != "code" {
            return Some(self.back("error=unsupported_response_type"));
        } else if self.scope.split_ascii_whitespace().any(|scope| !SCOPES.contains(&scope)) {
            return Some(self.back("error=invalid_scope"));
        } else if self.code_challenge_method != "S256" || self.code_challenge.len() != 43 {
            return Some(self.back("error=invalid_request&error_description=PKCE%20with%20S256%20is%20required"));
        } else {
            return None;
        };
        Some(page::message(sign_in, StatusCode::BAD_REQUEST, "This sign-in can't continue", words))
    }
}

pub(super) fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store")]).into_response()
}

pub(super) async fn authorize(
    State(sign_in): State<SignIn>,
    headers: HeaderMap,
    Query(request): Query<AuthorizeRequest>,
) -> Response {
    if let Some(refusal) = request.refusal(&sign_in) {
        return refusal;
    }
    if let Some(session) = sign_in.cookies.get(&headers, cookies::SESSION) {
        match sign_in.session(&session).await {
            Ok(Some((user, session))) => return sign_in.redirect_with_code(&request, &user, &session).await,
            Ok(None) => {}
            Err(error) => return page::failed(&sign_in, &error),
        }
    }
    redirect(&sign_in.login_address(&request))
}

impl SignIn {
    /// Where the login page is shown for what is asked for.
    pub(super) fn login_address(&self, request: &AuthorizeRequest) -> String {
        self.place.path(&format!("/login?{}", request.query()))
    }

    async fn session(&self, secret: &str) -> labelcast_functions::ports::PortResult<Option<(User, Detail)>> {
        let Some((name, detail)) = self.grants.find(Kind::Session, secret).await? else { return Ok(None) };
        let user = self.users.find(&name).await?;
        Ok(user.filter(|user| user.version == detail.account_version).map(|user| (user, detail)))
    }

    /// Sends somebody back with a code.
    pub(super) async fn redirect_with_code(
        &self,
        request: &AuthorizeRequest,
        user: &User,
        session: &Detail,
    ) -> Response {
        let detail = Detail {
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone(),
            scope: if request.scope.trim().is_empty() { "openid".to_owned() } else { request.scope.clone() },
            signed_in_at: session.signed_in_at,
            client_id: request.client_id.clone(),
            // Signing out of the web app ends what it holds, and leaves the command line signed in.
            session: if self.is_web(&request.client_id) { session.origin.clone() } else { String::new() },
            origin: self.random.id(),
            account_version: user.version,
        };
        match self.grants.make(Kind::Code, &user.name, &detail).await {
            Ok(code) => request.back(&format!("code={code}")),
            Err(error) => page::failed(self, &error),
        }
    }
}
