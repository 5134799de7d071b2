//! What the contracts add to the derived types: patterns, bounds, examples.
//!
//! OpenAPI and AsyncAPI share the names of their fields, so that each rule stands here once.

mod examples;
mod fields;
mod messages;
mod openapi;

pub(crate) use messages::message;
pub(crate) use openapi::complete;

/// What the contracts have to know of a deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Where the REST API is found, for example `http://127.0.0.1:8080/api`.
    pub api: String,
    /// Where the socket is found, for example `ws://127.0.0.1:8080/live`.
    pub live: String,
    /// The largest picture, in bytes.
    pub max_upload_bytes: u64,
    /// Languages that a query's words may be in.
    pub languages: Vec<String>,
}
