//! A received request, brought into the canonical form that was signed.

use std::fmt::Write;

use axum::http::HeaderMap;
use labelcast_functions::signing::encoded_path;
use percent_encoding::percent_decode_str;

/// A request as it came, to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The HTTP method, for example `GET`.
    pub method: &'a str,
    /// As it stood in the request line, still encoded, without the query.
    pub path: &'a str,
    /// As it stood in the request line, without the `?`; empty if there was none.
    pub query: &'a str,
    /// All of them, `Host` too.
    pub headers: &'a HeaderMap,
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

#[cfg(test)]
mod tests {
    use labelcast_functions::signing::canonical_query;

    use super::*;

    #[test]
    fn paths_are_normalised_and_reencoded() {
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
    fn queries_have_a_canonical_order_and_encoding() {
        let pairs = query_pairs("b=2&a=%7e&A&b=1&c=x%20y+z&=");
        assert_eq!(canonical_query(&pairs), "=&A=&a=~&b=1&b=2&c=x%20y%2Bz");
    }
}
