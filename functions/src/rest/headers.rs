//! Headers that every answer has, whatever it is about.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A year, as browsers' preload lists want it at least.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Adds what keeps browsers from guessing types, from giving a page that opened ours a hand in it, and, where the public
/// address is `https`, from ever coming back without TLS. What is there already stays.
pub fn add_safe_headers(headers: &mut HeaderMap, is_https: bool) {
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.entry(OPENER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    if is_https {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
}
