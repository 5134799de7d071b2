//! Pages of other origins, as far as an operator allows them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

/// Browsers ask again after this.
const PREFLIGHT_TTL: Duration = Duration::from_hours(1);

/// `scheme://host[:port]`, as browsers send it in `Origin` (RFC 6454, section 6.2): in lower case, without the scheme's own
/// port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// The text is no origin that can be allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin: write it out, without a path, for example https://photos.example.com")]
pub struct OriginError(String);

impl FromStr for Origin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.to_owned());
        let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
        let port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(wrong()),
        };
        let readable = host.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty());
        if !readable || host.contains(['@', '*']) || host.ends_with(':') {
            return Err(wrong());
        }
        let host = host.to_ascii_lowercase();
        Ok(Self(format!("{scheme}://{}", host.strip_suffix(port).unwrap_or(&host))))
    }
}

impl Origin {
    /// Of a URL: what stands before its path.
    pub fn of_url(url: &str) -> Result<Self, OriginError> {
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |at| after_scheme + at);
        url[..end].parse()
    }

    /// The origin as browsers send it: scheme, host and a port that is not the scheme's own.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `host[:port]`
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, host)| host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Lets pages of these origins read what the functions answer. Without origins no header is added, so no page of another
/// origin reads anything; ours is of the same origin.
pub fn cross_origin(origins: &[Origin]) -> CorsLayer {
    let programs = ["idempotency-key", "x-api-key"].map(HeaderName::from_static);
    let names = [header::AUTHORIZATION, header::CONTENT_TYPE].into_iter().chain(programs).collect::<Vec<_>>();
    // What was parsed as an authority can stand in a header.
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()).collect::<Vec<_>>();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(names)
        .expose_headers([header::ETAG, header::RETRY_AFTER])
        .max_age(PREFLIGHT_TTL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised_and_compared_the_way_browsers_write_it() {
        for (text, origin) in [
            ("https://photos.example.com", "https://photos.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://Photos.example.com:443", "https://photos.example.com"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), origin);
        }
        for bad in [
            "",
            "*",
            "null",
            "https://*.example.com",
            "https://a.example/",
            "a.example",
            "https://",
            "https://a@b",
            "ftp://a",
        ] {
            let error = bad.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
        assert_eq!(Origin::of_url("https://a.example:8443/labels/live").unwrap().authority(), "a.example:8443");
    }
}
