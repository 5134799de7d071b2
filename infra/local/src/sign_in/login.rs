//! `/login`: the page, and what it sends.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::authorize::{Asked, cookie};
use super::grants::{Detail, Kind};
use super::throttle::Key;
use super::{SignIn, page};

/// What the page sends.
#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// The same as in the cookie, or the form is not ours.
    #[serde(default)]
    form: String,
}

pub(super) async fn show(State(sign_in): State<SignIn>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    if let Some(refusal) = asked.refusal(&sign_in) {
        return refusal;
    }
    sign_in.form(&asked, &headers, StatusCode::OK, "", None)
}

pub(super) async fn sign_in(
    State(sign_in): State<SignIn>,
    Query(asked): Query<Asked>,
    address: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Response {
    if let Some(refusal) = asked.refusal(&sign_in) {
        return refusal;
    }
    if form_token(&headers).is_none_or(|form| form != sent.form) {
        let words = "The page was open for too long, or your browser keeps no cookies. Please try again.";
        return sign_in.form(&asked, &headers, StatusCode::FORBIDDEN, &sent.username, Some(words));
    }
    let now = sign_in.clock.now();
    let keys = [Key::user(&sent.username), Key::address(address.map(|info| info.0.0.ip()))];
    if let Err(seconds) = sign_in.throttle.begin(&keys, now) {
        metrics::counter!("labelcast_sign_in_slowed_total").increment(1);
        let words = format!("Too many tries. Please wait {seconds} seconds and try again.");
        let mut response = sign_in.form(&asked, &headers, StatusCode::TOO_MANY_REQUESTS, &sent.username, Some(&words));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let user = match sign_in.users.verify(&sent.username, sent.password).await {
        Ok(user) => user,
        Err(error) => return page::failed(&error),
    };
    let Some(user) = user else {
        metrics::counter!("labelcast_sign_in_failures_total").increment(1);
        let words = "The user name or the password is wrong.";
        return sign_in.form(&asked, &headers, StatusCode::UNAUTHORIZED, &sent.username, Some(words));
    };
    sign_in.throttle.succeeded(&keys);
    let detail = Detail { signed_in_at: now, ..Detail::default() };
    let session = match sign_in.grants.make(Kind::Session, &user.name, &detail).await {
        Ok(session) => session,
        Err(error) => return page::failed(&error),
    };
    let mut response = sign_in.hand_over(&asked, &user, now).await;
    sign_in.set_cookie(&mut response, "labelcast_session", &session, 3600);
    sign_in.set_cookie(&mut response, "labelcast_form", "", 0);
    response
}

/// What ties a form to the browser that it was shown to. Only what could be ours counts.
fn form_token(headers: &HeaderMap) -> Option<String> {
    cookie(headers, "labelcast_form").filter(|form| form.len() == 32 && form.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl SignIn {
    fn form(
        &self,
        asked: &Asked,
        headers: &HeaderMap,
        status: StatusCode,
        username: &str,
        words: Option<&str>,
    ) -> Response {
        // The same in all of a browser's tabs, so that none outdates the others.
        let form = form_token(headers).unwrap_or_else(|| self.random.id());
        let username: String = username.chars().take(64).collect();
        let mut response = page::login(status, &asked.query(), &form, &username, words);
        self.set_cookie(&mut response, "labelcast_form", &form, 900);
        response
    }

    /// For this server only, not for scripts, not sent along from elsewhere.
    pub(super) fn set_cookie(&self, response: &mut Response, name: &str, value: &str, seconds: u32) {
        let secure = if self.place.is_https() { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}
