//! The address by which browsers reach the server.

use axum::http::Uri;

/// First segments of our own paths. A prefix that begins with one could not be distinguished from a path without the
/// prefix.
const OWN: [&str; 12] = [
    ".well-known",
    "@connections",
    "api",
    "connection",
    "events",
    "healthz",
    "live",
    "login",
    "login.css",
    "logout",
    "oauth2",
    "objects",
];

/// Reads `http[s]://HOST[:PORT][/PREFIX]`, without a slash at its end.
pub fn read_public_url(text: &str) -> Result<String, String> {
    let wrong = || "must be a scheme, a host and optionally a path, for example https://example.org/labels".to_owned();
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    if authority.host().is_empty() || authority.as_str().contains('@') || text.contains(['?', '#']) {
        return Err(wrong());
    }
    let path = uri.path().trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    for segment in path.split('/').skip(1) {
        if segment.is_empty() || segment == "." || segment == ".." || !segment.bytes().all(plain) {
            return Err("the path may contain only letters, digits and -._~ between slashes".to_owned());
        }
    }
    let first = path.split('/').nth(1).unwrap_or_default();
    if OWN.contains(&first) || first == "web" {
        return Err(format!("/{first} is reserved by Labelcast; use another path, for example /labels"));
    }
    Ok(format!("{}://{}{path}", uri.scheme_str().unwrap_or_default(), authority.as_str().to_ascii_lowercase()))
}

/// A URL's origin, and its path without a slash at the end: `("https://example.org", "/labels")`.
pub fn split_url(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    (&url[..end], url[end..].trim_end_matches('/'))
}

/// The path as our routes know it. A proxy in front takes the prefix of the public address away, or leaves it.
pub(super) fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path().strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    target.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_a_scheme_a_host_and_an_optional_unreserved_path() {
        for (text, read) in [
            ("https://labels.example.org", "https://labels.example.org"),
            ("https://Example.org/labels/", "https://example.org/labels"),
            ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(read_public_url(text).as_deref(), Ok(read));
        }
        for bad in [
            "",
            "example.org",
            "ftp://a",
            "https://",
            "https://a/?x",
            "https://a/#x",
            "https://u@a",
            "https://a//b",
            "https://a/b%20c",
            "https://a/../b",
            "https://a/api",
            "https://a/live/b",
            "https://a/web",
        ] {
            assert!(read_public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_stripped_if_the_proxy_has_not_done_so() {
        let stripped =
            |path: &'static str| without_prefix(&Uri::from_static(path), "/labels").map(|uri| uri.to_string());
        assert_eq!(stripped("/labels/api/images?q=a").as_deref(), Some("/api/images?q=a"));
        assert_eq!(stripped("/labels").as_deref(), Some("/"));
        assert_eq!(stripped("/labels/?a").as_deref(), Some("/?a"));
        assert_eq!(stripped("/labelsx/api"), None);
        assert_eq!(stripped("/api/images"), None);
        assert_eq!(without_prefix(&Uri::from_static("/api"), ""), None);
        assert_eq!(split_url("https://a.example/x/y"), ("https://a.example", "/x/y"));
        assert_eq!(split_url("https://a.example"), ("https://a.example", ""));
    }
}
