//! Checks actual traffic against the documents that describe it.

mod asyncapi;
mod document;
mod openapi;

pub use asyncapi::AsyncApi;
pub use document::Document;
pub use openapi::OpenApi;
