//! Pages that are served elsewhere; ours is of the API's own origin. API Gateway answers their preflights, as
//! `infra/origins.js` tells it.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::environment::{Environment, Result, unreadable};

const ORIGINS: &str = "LABELCAST_ALLOWED_ORIGINS";

/// Lets pages of the origins in `LABELCAST_ALLOWED_ORIGINS` (separated by blanks) read answers.
///
/// # Errors
/// One of them is no origin.
pub(super) fn layer(environment: &Environment) -> Result<CorsLayer> {
    let origins = environment.optional(ORIGINS).unwrap_or_default();
    let origins: Result<Vec<HeaderValue>> = origins.split_whitespace().map(read).collect();
    let programs = ["idempotency-key", "x-api-key"].map(HeaderName::from_static);
    Ok(CorsLayer::new()
        .allow_origin(origins?)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE].into_iter().chain(programs).collect::<Vec<_>>()))
}

/// `scheme://host[:port]`, as browsers send it (RFC 6454, section 6.2).
fn read(text: &str) -> Result<HeaderValue> {
    let wrong = |why: &str| unreadable(ORIGINS, text, &why);
    let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '*']) => {
            text.parse().map_err(|_| wrong("a header cannot hold it"))
        }
        _ => Err(wrong("an origin is written out, without a path: https://photos.example.com")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(origins: &'static str) -> Result<CorsLayer> {
        layer(&Environment::new(move |name| (name == ORIGINS).then(|| origins.to_owned())))
    }

    #[test]
    fn origins_are_written_out() {
        for good in ["", "https://photos.example.com", "http://localhost:5173 https://photos.example.com"] {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in ["*", "https://*.example.com", "https://photos.example.com/", "photos.example.com", "https://"] {
            let error = with(bad).unwrap_err().to_string();
            assert!(error.contains(ORIGINS) && error.contains(bad), "{error}");
        }
    }
}
