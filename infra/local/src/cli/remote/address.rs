//! Where a token may be sent: over TLS, or to this machine.

use std::net::IpAddr;

use reqwest::Url;

/// Which transports may be used. A connection begun with TLS is never downgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Privacy {
    /// TLS only.
    Tls,
    /// TLS, or plain HTTP to loopback.
    TlsOrLoopback,
}

impl Privacy {
    /// The transport implied by the address the user gave.
    pub(in crate::cli) fn of(url: &Url) -> Self {
        if url.scheme() == "https" { Self::Tls } else { Self::TlsOrLoopback }
    }

    /// Checks an `http` or `https` URL.
    pub(in crate::cli) fn http(self, text: &str) -> Result<Url, String> {
        self.address(text, "https", "http")
    }

    /// Checks a `ws` or `wss` URL.
    pub(in crate::cli) fn websocket(self, text: &str) -> Result<Url, String> {
        self.address(text, "wss", "ws")
    }

    fn address(self, text: &str, private: &str, open: &str) -> Result<Url, String> {
        let url: Url = text.parse().map_err(|error| format!("`{text}` isn't a valid URL: {error}"))?;
        match url.scheme() {
            scheme if scheme == private => Ok(url),
            scheme if scheme == open && self == Self::TlsOrLoopback && is_loopback(&url) => Ok(url),
            scheme if scheme == open => {
                Err(format!("{url} is not encrypted; use {private}:// so that nobody else can read what is sent"))
            }
            _ => Err(format!("{url} must start with {private}://")),
        }
    }
}

/// RFC 6761, section 6.3: `localhost` is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

/// Resolves a path below a URL, which may end in a slash or not.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_resolved_below_its_base_with_or_without_a_trailing_slash() {
        for base in ["https://a.example/stage", "https://a.example/stage/"] {
            assert_eq!(below(&base.parse().unwrap(), "uploads/1").as_str(), "https://a.example/stage/uploads/1");
        }
        assert_eq!(below(&"http://a.example".parse().unwrap(), "web/x").as_str(), "http://a.example/web/x");
    }

    #[test]
    fn a_redirect_from_tls_to_plain_http_is_refused() {
        let privacy = Privacy::of(&"https://a.example".parse().unwrap());
        assert!(privacy.http("https://b.example/api").is_ok() && privacy.websocket("wss://b.example").is_ok());
        for open in ["http://a.example/api", "http://127.0.0.1/api", "/api", "ftp://a.example"] {
            assert!(privacy.http(open).is_err(), "{open}");
        }
        assert!(privacy.websocket("ws://127.0.0.1/live").is_err());
    }

    #[test]
    fn plain_http_is_allowed_only_to_loopback() {
        let privacy = Privacy::of(&"http://127.0.0.1:8080".parse().unwrap());
        for near in ["http://127.0.0.1:1/api", "http://127.9.9.9", "http://localhost:8080", "http://[::1]:8080/api"] {
            assert!(privacy.http(near).is_ok(), "{near}");
        }
        for far in
            ["http://192.168.1.2", "http://a.example", "http://localhost.a.example", "http://127.0.0.1.a.example"]
        {
            assert!(privacy.http(far).is_err(), "{far}");
        }
        assert!(privacy.http("https://a.example").is_ok());
    }
}
