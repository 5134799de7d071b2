//! One image: what it shows, its files, and how it is deleted.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Delete;
use crate::audit::{Action, Outcome, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Image, ImageId, ImageType};
use crate::ports::{Bus, Images, ObjectKey, Objects};
use crate::protocol::ImageView;
use crate::rest::{AppState, ClientAddress, ErrorBody, Json, Path, RestFunction, SignedIn};

/// The endpoints of one image with the ports that they use.
#[derive(Clone)]
pub struct ImageApi {
    /// Reads images, and takes requests for their removal.
    pub images: Arc<dyn Images>,
    /// Signs links to their files.
    pub objects: Arc<dyn Objects>,
    /// Has a deletion ended and told, whatever happens here.
    pub bus: Arc<dyn Bus>,
}

impl RestFunction for ImageApi {
    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(show, delete)).routes(routes!(original)).routes(routes!(thumbnail))
    }
}

impl ImageApi {
    /// An image that exists for this caller. What they may not see looks as if it did not exist.
    async fn visible(&self, caller: &SignedIn, id: &str) -> Result<Image> {
        let none = || Error::not_found("no such image");
        let id: ImageId = id.parse().map_err(|_| none())?;
        let image = self.images.get(&id).await?.ok_or_else(none)?;
        if caller.audience().sees(&image) { Ok(image) } else { Err(none()) }
    }
}

/// Show an image.
#[utoipa::path(get, operation_id = "show_image", path = "/images/{image_id}", tag = "images", security(("token" = [])),
    params(("image_id" = String, Path)), responses(
    (status = 200, body = ImageView, description = "the image"), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
async fn show(
    State(AppState { function: api, .. }): State<AppState<ImageApi>>,
    caller: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<ImageView>> {
    let image = api.visible(&caller, &id).await?;
    ImageView::of(&image, caller.audience(), &*api.objects).map(Json).ok_or_else(|| Error::not_found("no such image"))
}

/// The picture, without private metadata.
#[utoipa::path(get, operation_id = "fetch_original", path = "/images/{image_id}/original", tag = "images", security(("token" = [])),
    params(("image_id" = String, Path)), responses(
    (status = 302, description = "redirect to a signed URL, valid for five minutes",
        headers(("Location" = String, description = "the signed URL"))),
    (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
async fn original(
    State(AppState { function: api, .. }): State<AppState<ImageApi>>,
    caller: SignedIn,
    Path(id): Path<String>,
) -> Result<Response> {
    let image = api.visible(&caller, &id).await?;
    Ok(redirect(&api.objects.sign_get(
        &ObjectKey::original(&image.files()),
        image.content_type.media_type(),
        ImageView::URL_VALID,
    )))
}

/// The thumbnail, a JPEG of at most 320 pixels per side.
#[utoipa::path(get, operation_id = "fetch_thumbnail", path = "/images/{image_id}/thumbnail", tag = "images", security(("token" = [])),
    params(("image_id" = String, Path)), responses(
    (status = 302, description = "redirect to a signed URL, valid for five minutes",
        headers(("Location" = String, description = "the signed URL"))),
    (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
async fn thumbnail(
    State(AppState { function: api, .. }): State<AppState<ImageApi>>,
    caller: SignedIn,
    Path(id): Path<String>,
) -> Result<Response> {
    let image = api.visible(&caller, &id).await?;
    let key = ObjectKey::thumbnail(&image.files());
    Ok(redirect(&api.objects.sign_get(&key, ImageType::Jpeg.media_type(), ImageView::URL_VALID)))
}

/// 302, as the interface has it, and not to be kept: each answer signs anew.
fn redirect(url: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, url), (header::CACHE_CONTROL, "no-store")]).into_response()
}

/// Delete an image. Moderators, or its only uploader.
#[utoipa::path(delete, operation_id = "delete_image", path = "/images/{image_id}", tag = "images", security(("token" = [])),
    params(("image_id" = String, Path)), responses(
    (status = 204, description = "deleted; users who had seen it are notified"),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "another user uploaded it (too)"),
    (status = 404, body = ErrorBody),
    (status = 507, body = ErrorBody, description = "the server has run out of storage"),
))]
async fn delete(
    State(AppState { function: api, .. }): State<AppState<ImageApi>>,
    caller: SignedIn,
    ClientAddress(address): ClientAddress,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let none = || Error::not_found("no such image");
    let id: ImageId = id.parse().map_err(|_| none())?;
    let deleted = Delete { images: api.images, bus: api.bus }.handle(&caller.0, &id).await;
    let outcome = match &deleted {
        Ok(()) => Outcome::Succeeded,
        Err(Error { kind: ErrorKind::Forbidden | ErrorKind::NotFound, .. }) => Outcome::Refused,
        // Nothing was decided; the caller tries again.
        Err(_) => return deleted.map(|()| StatusCode::NO_CONTENT),
    };
    Record::new(Action::ImageDeleted, outcome, &caller.0.username).what(id).address(address).log();
    deleted?;
    Ok(StatusCode::NO_CONTENT)
}
