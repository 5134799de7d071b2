//! Requests from pages of other origins; the web app is on the API's own. API Gateway handles their preflights, as
//! `infra/origins.js` configures it.

use labelcast_functions::rest::{Origin, cross_origin};
use tower_http::cors::CorsLayer;

use crate::environment::{Environment, Result, unreadable};

const ORIGINS: &str = "LABELCAST_ALLOWED_ORIGINS";

/// Lets pages of the origins in `LABELCAST_ALLOWED_ORIGINS` (separated by blanks) read responses.
///
/// # Errors
/// One of them is no origin.
pub(super) fn layer(environment: &Environment) -> Result<CorsLayer> {
    let origins = environment.optional(ORIGINS).unwrap_or_default();
    let read = |text: &str| text.parse::<Origin>().map_err(|error| unreadable(ORIGINS, text, &error));
    let origins: Result<Vec<Origin>> = origins.split_whitespace().map(read).collect();
    Ok(cross_origin(&origins?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(origins: &'static str) -> Result<CorsLayer> {
        layer(&Environment::new(move |name| (name == ORIGINS).then(|| origins.to_owned())))
    }

    #[test]
    fn origins_are_normalised() {
        for good in ["", "https://photos.example.com", "http://localhost:5173 https://photos.example.com"] {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in ["*", "https://*.example.com", "https://photos.example.com/", "photos.example.com", "https://"] {
            let error = with(bad).unwrap_err().to_string();
            assert!(error.contains(ORIGINS) && error.contains(bad), "{error}");
        }
    }
}
