//! The canonical form of a request, so that signer and verifier sign the same text.

use aws_lc_rs::digest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ALGORITHM;
use super::key::Scope;

/// RFC 3986's unreserved characters stay (`UriEncode` in AWS's description).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A path, encoded but for its slashes.
pub fn encoded_path(path: &str) -> String {
    utf8_percent_encode(path, RESERVED_IN_PATH).to_string()
}

/// The pairs in their one order and encoding.
pub fn canonical_query(pairs: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = pairs.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A canonical request's parts, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Canonical<'a> {
    /// For example `GET`.
    pub method: &'a str,
    /// Encoded as the service wants it.
    pub path: &'a str,
    /// As [`canonical_query`] gives it.
    pub query: &'a str,
    /// The signed ones, `name:value` and a line break each.
    pub headers: &'a str,
    /// Their names, separated by semicolons.
    pub signed_headers: &'a str,
    /// The SHA-256 of the body in hex, or what stands in its place.
    pub payload: &'a str,
}

impl Canonical<'_> {
    /// What the signature is made of.
    pub fn text_to_sign(&self, timestamp: &str, scope: &Scope) -> String {
        let Self { method, path, query, headers, signed_headers, payload } = self;
        let request = format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}");
        format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", sha256_hex(request.as_bytes()))
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}
