//! The moderation queue: what waits for a moderator.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::PageCursors;
use super::page;
use crate::error::{Error, Result};
use crate::model::{ModerationLabel, Status};
use crate::ports::{Images, Objects};
use crate::protocol::ImageView;
use crate::rest::{self, AppState, ErrorBody, Json, RestFunction, SignedIn};

/// The endpoint of the moderation queue with the ports that it uses.
#[derive(Clone)]
pub struct ModerationApi {
    /// Lists images by status.
    pub images: Arc<dyn Images>,
    /// Signs links to pictures.
    pub objects: Arc<dyn Objects>,
    /// Writes and reads the cursors of pages.
    pub cursors: PageCursors,
}

impl RestFunction for ModerationApi {
    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(queue))
    }
}

/// Which part of the queue to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// `pending` (the default), `approved` or `removed`.
    status: Option<String>,
    /// Images per page, 1 to 200; 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next` of the previous page.
    cursor: Option<String>,
}

/// A page of the queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    /// The images that wait, oldest first.
    images: Vec<QueuedImage>,
    /// The `cursor` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<String>,
}

/// An image with its moderation labels.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuedImage {
    #[serde(flatten)]
    image: ImageView,
    /// The labels for which it is offensive.
    moderation: Vec<ModerationLabel>,
}

/// List offensive images by moderation status. Moderators only.
#[utoipa::path(get, operation_id = "list_moderation", path = "/moderation", tag = "moderation", params(QueueQuery), security(("token" = [])), responses(
    (status = 200, body = QueueView, description = "a page of the queue"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "moderators only"),
))]
async fn queue(
    State(AppState { function: api, .. }): State<AppState<ModerationApi>>,
    caller: SignedIn,
    rest::Query(request): rest::Query<QueueQuery>,
) -> Result<Json<QueueView>> {
    caller.moderator()?;
    let limit = page::limit(request.limit.as_deref(), 50, 1..=200)?;
    let status = match request.status.as_deref() {
        None => Status::Pending,
        Some(text) => match text.parse() {
            Ok(status @ (Status::Pending | Status::Approved | Status::Removed)) => status,
            _ => return Err(Error::bad_request("`status` must be pending, approved or removed")),
        },
    };
    let after = page::cursor(request.cursor.as_deref(), &api.cursors)?;
    let page = api.images.with_status(status, after, limit).await?;
    let shown = page.images.iter().filter_map(|image| {
        let moderation = image.result.as_ref()?.analysis.moderation.clone();
        Some(QueuedImage { image: ImageView::of(image, caller.audience(), &*api.objects)?, moderation })
    });
    Ok(Json(QueueView { images: shown.collect(), next: page.next.map(|next| api.cursors.write(next)) }))
}
