//! Signs in with a password at a local server, submitting the sign-in page as a browser would.

use cookie::Cookie;
use reqwest::{Response, StatusCode, Url, header};

use super::Attempt;
use crate::cli::failure::Failure;
use crate::cli::remote::oauth::form;
use crate::cli::remote::reason;

/// Name of the cookie that binds the form to its reader, without its prefix.
const FORM_COOKIE: &str = "labelcast_form";

/// Signs in; returns the code and the redirect URI it would have been sent to.
pub(super) async fn sign_in(attempt: &Attempt, user: &str, password: &str) -> Result<(String, String), Failure> {
    let redirect_uri = attempt.redirect_uris.first().cloned().unwrap_or_default();
    let begun = get(attempt, attempt.address(&redirect_uri)).await?;
    let page = location(&begun).and_then(|place| attempt.authorization_endpoint.join(&place).ok());
    let page = page.filter(|page| page.origin() == attempt.authorization_endpoint.origin()).ok_or_else(no_form)?;
    let shown = get(attempt, page.clone()).await?;
    let cookie = form_cookie(&shown).ok_or_else(no_form)?;
    let fields = form(&[("username", user), ("password", password), ("form", cookie.value())]);
    let post = attempt.client.post(page).body(fields).header(header::COOKIE, cookie.stripped().to_string());
    let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = post.send().await.map_err(|error| unreachable(&error))?;
    match response.status() {
        status if status.is_redirection() => code(attempt, &response, &redirect_uri).map(|code| (code, redirect_uri)),
        StatusCode::UNAUTHORIZED => Err(Failure::failed("wrong user name or password")),
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            Err(Failure::failed(format!("too many attempts; wait {} seconds and try again", wait.unwrap_or("some"))))
        }
        status => Err(Failure::failed(format!("the sign-in page responded with {status}"))),
    }
}

async fn get(attempt: &Attempt, url: Url) -> Result<Response, Failure> {
    attempt.client.get(url).send().await.map_err(|error| unreachable(&error))
}

fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::failed(format!("cannot reach the sign-in page ({})", reason(error)))
}

fn no_form() -> Failure {
    Failure::failed("this server does not support --user; omit it to sign in with a browser")
}

fn location(response: &Response) -> Option<String> {
    response.headers().get(header::LOCATION)?.to_str().ok().map(str::to_owned)
}

fn form_cookie(response: &Response) -> Option<Cookie<'_>> {
    let lines = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.filter_map(|line| Cookie::parse(line).ok()).find(|cookie| cookie.name().ends_with(FORM_COOKIE))
}

/// Extracts the code from the redirect, which must go to our redirect URI and carry our state.
fn code(attempt: &Attempt, response: &Response, redirect_uri: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::failed(format!("the sign-in returned an unexpected response: {why}"));
    let place = location(response).filter(|place| place.split('?').next() == Some(redirect_uri));
    let url: Url = place.and_then(|place| place.parse().ok()).ok_or_else(|| wrong("wrong redirect address"))?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if value("state").as_deref() != Some(&attempt.state) {
        return Err(wrong("wrong state"));
    }
    value("code").ok_or_else(|| wrong(&value("error").unwrap_or_else(|| "no code".to_owned())))
}
