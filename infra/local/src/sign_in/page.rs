//! The login page. No script; everything from outside is escaped.

use std::fmt::Display;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use html_escape::encode_quoted_attribute as escaped;

use super::SignIn;

const STYLE: &str = include_str!("login.css");

/// Nothing but our own style; the form goes nowhere else. Browsers hold redirects after a form against `form-action` as
/// well, and ours lead back to the application.
fn policy(returns_to: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {returns_to}; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn whole(status: StatusCode, style: &str, returns_to: &str, title: &str, inner: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Labelcast</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"{style}\"></head>\
         <body><main><p class=\"brand\"><span class=\"mark\" aria-hidden=\"true\"></span>Labelcast</p>{inner}</main></body></html>"
    );
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`, with which browsers send `Origin: null` along with the form.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let policy = [(header::CONTENT_SECURITY_POLICY, policy(returns_to))];
    (status, headers, policy, Html(page)).into_response()
}

/// What the login page shows.
pub(super) struct LoginForm<'a> {
    /// Where the form is sent.
    pub(super) action: &'a str,
    pub(super) style: &'a str,
    /// What ties it to the browser.
    pub(super) form: &'a str,
    pub(super) username: &'a str,
    /// What went wrong before.
    pub(super) words: Option<&'a str>,
    /// The origin of the application, which the browser is sent back to.
    pub(super) returns_to: &'a str,
}

pub(super) fn login(status: StatusCode, page: &LoginForm<'_>) -> Response {
    let LoginForm { action, style, form, username, words, returns_to } = *page;
    let words =
        words.map(|words| format!("<p class=\"words\" role=\"alert\">{}</p>", escaped(words))).unwrap_or_default();
    let inner = format!(
        "<h1>Sign in</h1>{words}<form method=\"post\" action=\"{}\">\
         <input type=\"hidden\" name=\"form\" value=\"{}\">\
         <label for=\"username\">User name</label>\
         <input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" required autofocus maxlength=\"64\">\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required maxlength=\"256\">\
         <button type=\"submit\">Sign in</button></form>",
        escaped(action),
        escaped(form),
        escaped(username),
    );
    whole(status, style, returns_to, "Sign in", &inner)
}

pub(super) fn message(sign_in: &SignIn, status: StatusCode, title: &str, words: &str) -> Response {
    let style = sign_in.place.path("/login.css");
    whole(status, &style, "", &escaped(title), &format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(words)))
}

/// Something of ours failed: logged here, shown without detail.
pub(super) fn failed(sign_in: &SignIn, error: &dyn Display) -> Response {
    note_failure(error);
    message(
        sign_in,
        StatusCode::SERVICE_UNAVAILABLE,
        "Something went wrong",
        "This is our fault, not yours. Please try again in a moment.",
    )
}

pub(super) fn note_failure(error: &dyn Display) {
    tracing::error!(%error, "the sign-in failed");
    metrics::counter!("labelcast_port_errors_total", "kind" => "sign_in").increment(1);
}

pub(super) async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, STYLE).into_response()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn untrusted_text_cannot_become_html() {
        assert_eq!(escaped("<b a=\"'&\">"), "&lt;b a=&quot;&#x27;&amp;&quot;&gt;");
    }
}
