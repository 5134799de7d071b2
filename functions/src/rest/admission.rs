//! How a function lets the server in front of it know that a request is allowed.

use std::sync::Arc;

use axum::http::Extensions;

/// Among a request's extensions where the server bounds what requests get before they are known to be allowed: how many of
/// them an address may have, and how long their bodies may take. Behind API Gateway there is none, and nothing to do.
#[derive(Clone)]
pub struct Admission(Arc<dyn Fn() + Send + Sync>);

impl Admission {
    /// With what lifts the bounds.
    pub fn new(admit: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(admit))
    }

    /// The token, key or signature of this request is good.
    pub fn admit(extensions: &Extensions) {
        if let Some(Self(admit)) = extensions.get() {
            admit();
        }
    }
}
