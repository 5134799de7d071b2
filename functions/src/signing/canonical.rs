//! The one way to write a request down, so that who signs and who checks sign the same text.

use std::fmt::Write;

use aws_lc_rs::digest;
use axum::http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::ALGORITHM;
use super::key::Scope;

/// RFC 3986's unreserved characters stay (`UriEncode` in AWS's description).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A request as it came, to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// For example `GET`.
    pub method: &'a str,
    /// As it stood in the request line, still encoded, without the query.
    pub path: &'a str,
    /// As it stood in the request line, without the `?`; empty if there was none.
    pub query: &'a str,
    /// All of them, `Host` too.
    pub headers: &'a HeaderMap,
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn encoded_path(path: &str) -> String {
    utf8_percent_encode(path, RESERVED_IN_PATH).to_string()
}

/// Decodes; what is no UTF-8 becomes the replacement character, which no signer wrote.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query, decoded. `+` is a plus here: signers write a blank as `%20`.
pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The pairs in their one order and encoding.
pub(super) fn canonical_query(pairs: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = pairs.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The path of every service but S3: without empty and dotted segments, and encoded once more than it was sent.
pub(super) fn canonical_path_encoded_twice(sent: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in sent.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut path = format!("/{}", segments.join("/"));
    let ends_open = sent.ends_with('/') || sent.ends_with("/.") || sent.ends_with("/..");
    if ends_open && path.len() > 1 {
        path.push('/');
    }
    encoded_path(&path)
}

/// The signed headers, one a line; `None` if one of them was not sent or holds no text.
///
/// `names` as they stand in `SignedHeaders`: lower case, sorted, separated by semicolons.
pub(super) fn canonical_headers(names: &str, headers: &HeaderMap) -> Option<String> {
    let mut lines = String::new();
    for name in names.split(';') {
        let mut values = Vec::new();
        for value in headers.get_all(name) {
            let words: Vec<_> = value.to_str().ok()?.split(' ').filter(|word| !word.is_empty()).collect();
            values.push(words.join(" "));
        }
        if values.is_empty() {
            return None;
        }
        writeln!(lines, "{name}:{}", values.join(",")).expect("a String takes what is written");
    }
    Some(lines)
}

/// A canonical request's parts, in their order.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a str,
    pub(super) signed_headers: &'a str,
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// What the signature is made of.
    pub(super) fn text_to_sign(&self, timestamp: &str, scope: &Scope) -> String {
        let Self { method, path, query, headers, signed_headers, payload } = self;
        let request = format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}");
        format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", sha256_hex(request.as_bytes()))
    }
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_encoded_again() {
        for (sent, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/live/@connections/AbC%3D", "/live/%40connections/AbC%253D"),
            ("/live/%40connections/AbC=", "/live/%2540connections/AbC%3D"),
            ("/a//b/./c/../d/", "/a/b/d/"),
            ("/../..", "/"),
        ] {
            assert_eq!(canonical_path_encoded_twice(sent), expected, "{sent}");
        }
    }

    #[test]
    fn queries_have_one_order_and_encoding() {
        let pairs = query_pairs("b=2&a=%7e&A&b=1&c=x%20y+z&=");
        assert_eq!(canonical_query(&pairs), "=&A=&a=~&b=1&b=2&c=x%20y%2Bz");
    }
}
