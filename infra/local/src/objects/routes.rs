//! The bucket's endpoint: forms in, signed links out.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::bucket::{Bucket, ObjectCreated};
use super::{FileObjects, posted, served};

/// The routes of forms and links.
pub fn router(objects: FileObjects, created: Arc<dyn ObjectCreated>) -> Router {
    Router::new()
        .route("/objects", post(posted::post))
        .route("/objects/", post(posted::post))
        .route("/objects/{*key}", get(served::get))
        // The form's own policy bounds the file while it is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(Bucket { objects, created })
}
