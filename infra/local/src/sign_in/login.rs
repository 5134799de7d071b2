//! `/login`: the sign-in page, and what its form sends.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::rest::{ClientAddress, Form, Query};
use serde::Deserialize;

use super::authorize::AuthorizeRequest;
use super::grants::{Detail, Kind};
use super::throttle::Key;
use super::{SignIn, cookies, device, page, same_origin};

/// What the form sends.
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

pub(super) async fn show(
    State(sign_in): State<SignIn>,
    Query(request): Query<AuthorizeRequest>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = request.refusal(&sign_in) {
        return refusal;
    }
    sign_in.form(&request, &headers, StatusCode::OK, "", None)
}

pub(super) async fn sign_in(
    State(sign_in): State<SignIn>,
    Query(request): Query<AuthorizeRequest>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Response {
    if let Some(refusal) = request.refusal(&sign_in) {
        return refusal;
    }
    let client = sign_in.client(&request.client_id).map_or("", |client| client.name);
    if !same_origin::is_from_here(&headers, &sign_in.place.public_url) {
        Record::new(Action::SignIn, Outcome::Refused, &sent.username)
            .what("sent by another site")
            .address(address)
            .log();
        let words = "The form was submitted from another site. Please sign in here.";
        return sign_in.form(&request, &headers, StatusCode::FORBIDDEN, "", Some(words));
    }
    if sign_in.form_token(&headers).is_none_or(|form| form != sent.form) {
        let words = "This page has expired, or your browser blocks cookies. Please try again.";
        return sign_in.form(&request, &headers, StatusCode::FORBIDDEN, &sent.username, Some(words));
    }
    let now = sign_in.clock.now();
    let audit = |outcome| Record::new(Action::SignIn, outcome, &sent.username).what(client).address(address).log();
    let keys = sign_in.throttle_keys(&headers, &sent.username, address);
    if let Err(seconds) = sign_in.throttle.begin(&keys, now) {
        metrics::counter!("labelcast_sign_in_slowed_total").increment(1);
        audit(Outcome::Slowed);
        let words = format!("Too many attempts. Please wait {seconds} seconds and try again.");
        let mut response =
            sign_in.form(&request, &headers, StatusCode::TOO_MANY_REQUESTS, &sent.username, Some(&words));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let user = match sign_in.users.verify(&sent.username, sent.password).await {
        Ok(user) => user,
        Err(error) => return page::failed(&sign_in, &error),
    };
    let Some(user) = user else {
        metrics::counter!("labelcast_sign_in_failures_total").increment(1);
        audit(Outcome::Failed);
        let words = "Wrong user name or password.";
        return sign_in.form(&request, &headers, StatusCode::UNAUTHORIZED, &sent.username, Some(words));
    };
    sign_in.throttle.succeeded(&keys);
    audit(Outcome::Succeeded);
    let origin = sign_in.random.id();
    let detail = Detail { signed_in_at: now, account_version: user.version, origin, ..Detail::default() };
    let session = match sign_in.grants.make(Kind::Session, &user.name, &detail).await {
        Ok(session) => session,
        Err(error) => return page::failed(&sign_in, &error),
    };
    let mut response = sign_in.redirect_with_code(&request, &user, &detail).await;
    sign_in.cookies.set(&mut response, cookies::SESSION, &session, 3600);
    sign_in.cookies.set(&mut response, cookies::FORM, "", 0);
    let (device, name) = (sign_in.devices.make(user.name.as_str(), &*sign_in.random), user.name.as_str());
    sign_in.cookies.set(&mut response, &sign_in.devices.cookie_name(name), &device, device::REMEMBERED);
    response
}

impl SignIn {
    /// What ties a form to the browser that it was shown to. Only what could be ours counts.
    fn form_token(&self, headers: &HeaderMap) -> Option<String> {
        let form = self.cookies.get(headers, cookies::FORM);
        form.filter(|form| form.len() == 32 && form.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// By what this try is counted: the browser, if this user signed in with it before, else the name and the address.
    fn throttle_keys(&self, headers: &HeaderMap, username: &str, address: Option<IpAddr>) -> Vec<Key> {
        let device = self.cookies.get(headers, &self.devices.cookie_name(username));
        match device.and_then(|cookie| self.devices.read(username, &cookie)) {
            Some(device) => vec![Key::Device(device)],
            None => vec![Key::user(username), Key::address(address)],
        }
    }

    fn form(
        &self,
        request: &AuthorizeRequest,
        headers: &HeaderMap,
        status: StatusCode,
        username: &str,
        words: Option<&str>,
    ) -> Response {
        // The same in all of a browser's tabs, so that none outdates the others.
        let form = self.form_token(headers).unwrap_or_else(|| self.random.id());
        let username: String = username.chars().take(64).collect();
        let form_page = page::LoginForm {
            action: &self.login_address(request),
            style: &self.place.path("/login.css"),
            form: &form,
            username: &username,
            words,
            returns_to: cookies::origin_of(&request.redirect_uri),
        };
        let mut response = page::login(status, &form_page);
        self.cookies.set(&mut response, cookies::FORM, &form, 900);
        response
    }
}
