//! The login page. No script; everything from outside is escaped.

use std::fmt::Display;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const STYLE: &str = include_str!("login.css");

/// Nothing but our own style; the form goes nowhere else. Browsers hold redirects after a form against `form-action` as
/// well, and ours lead back to the page of the same origin.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn whole(status: StatusCode, title: &str, inner: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Labelcast</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"/login.css\"></head>\
         <body><main><p class=\"brand\"><span class=\"mark\" aria-hidden=\"true\"></span>Labelcast</p>{inner}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(page)).into_response()
}

pub(super) fn login(status: StatusCode, query: &str, form: &str, username: &str, words: Option<&str>) -> Response {
    let words =
        words.map(|words| format!("<p class=\"words\" role=\"alert\">{}</p>", escaped(words))).unwrap_or_default();
    let inner = format!(
        "<h1>Sign in</h1>{words}<form method=\"post\" action=\"/login?{}\">\
         <input type=\"hidden\" name=\"form\" value=\"{}\">\
         <label for=\"username\">User name</label>\
         <input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" required autofocus maxlength=\"64\">\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required maxlength=\"256\">\
         <button type=\"submit\">Sign in</button></form>",
        escaped(query),
        escaped(form),
        escaped(username),
    );
    whole(status, "Sign in", &inner)
}

pub(super) fn message(status: StatusCode, title: &str, words: &str) -> Response {
    whole(status, &escaped(title), &format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(words)))
}

/// Something of ours failed: logged here, told without detail.
pub(super) fn failed(error: &dyn Display) -> Response {
    note_failure(error);
    message(
        StatusCode::SERVICE_UNAVAILABLE,
        "This did not work",
        "Something went wrong on our side. Please try again in a moment.",
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
    fn what_comes_from_outside_cannot_become_html() {
        assert_eq!(escaped("<b a=\"'&\">"), "&lt;b a=&quot;&#39;&amp;&quot;&gt;");
    }
}
