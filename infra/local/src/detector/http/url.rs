//! Where a service is.

use std::str::FromStr;

use labelcast_functions::model::Source;
use reqwest::Url;

/// An address that a picture may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    url: Url,
    source: Source,
}

/// The text is no address that a picture may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceUrlError {
    /// It is no URL of HTTP.
    #[error("write http:URL, for example http:http://127.0.0.1:9000/detect")]
    NoUrl,
    /// It holds a user name or a password.
    #[error(
        "a URL must not hold a user name or a password: everybody on this machine who lists processes would see it"
    )]
    Secret,
}

impl ServiceUrl {
    /// `http:` and the host, with its port if it is not the usual one.
    pub fn source(&self) -> Source {
        self.source.clone()
    }

    pub(super) fn as_url(&self) -> Url {
        self.url.clone()
    }
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlError;
    fn from_str(text: &str) -> Result<Self, ServiceUrlError> {
        let url: Url = text.parse().map_err(|_| ServiceUrlError::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ServiceUrlError::NoUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServiceUrlError::Secret);
        }
        let host = url.host_str().ok_or(ServiceUrlError::NoUrl)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let source = format!("http:{host}{port}").parse().map_err(|_| ServiceUrlError::NoUrl)?;
        Ok(Self { url, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_its_host_and_nothing_else_of_its_address() {
        let named = |url: &str| url.parse::<ServiceUrl>().unwrap().source().to_string();
        assert_eq!(named("http://127.0.0.1:9000/detect?key=secret"), "http:127.0.0.1:9000");
        assert_eq!(named("https://models.example.org/v1"), "http:models.example.org");
        assert_eq!(named("http://[::1]:9000"), "http:[::1]:9000");
    }

    #[test]
    fn a_malformed_url_or_one_with_a_password_is_refused() {
        for wrong in ["", "cats", "ftp://host/", "file:///etc/passwd"] {
            assert_eq!(wrong.parse::<ServiceUrl>(), Err(ServiceUrlError::NoUrl), "{wrong}");
        }
        assert_eq!("http://user:secret@host/".parse::<ServiceUrl>(), Err(ServiceUrlError::Secret));
    }
}
