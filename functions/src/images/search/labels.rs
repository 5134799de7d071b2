//! Autocomplete: labels by their beginning, with counts.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{SearchApi, page};
use crate::error::{Error, Result};
use crate::model::LabelName;
use crate::rest::{self, AppState, ErrorBody, Json, SignedIn};

/// Which labels are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LabelsQuery {
    /// Prefix of the label, at most 100 characters; the most frequent labels of all if omitted.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    prefix: String,
    /// Maximum number of labels, 1 to 100; 20 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Labels of images that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelsPage {
    /// The labels, the most frequent first.
    labels: Vec<CountedLabel>,
}

/// A label and the number of images that have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedLabel {
    #[schema(value_type = String)]
    name: LabelName,
    count: u64,
}

/// Complete a label.
#[utoipa::path(get, operation_id = "complete_label", path = "/labels", tag = "search", params(LabelsQuery), security(("token" = [])), responses(
    (status = 200, body = LabelsPage, description = "labels with counts"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
))]
pub(super) async fn complete(
    State(AppState { function: api, .. }): State<AppState<SearchApi>>,
    caller: SignedIn,
    rest::Query(request): rest::Query<LabelsQuery>,
) -> Result<Json<LabelsPage>> {
    let limit = page::limit(request.limit.as_deref(), 20, 1..=100)?;
    if request.prefix.chars().count() > LabelName::MAX_CHARS {
        return Err(Error::bad_request(format!("`prefix` must have at most {} characters", LabelName::MAX_CHARS)));
    }
    let prefix = match LabelName::fold(&request.prefix) {
        Some(prefix) => prefix.as_str().to_owned(),
        None if request.prefix.chars().all(|c| c.is_whitespace() || c.is_control()) => String::new(),
        // Some letters become two in lower case: no label is as long as this.
        None => return Ok(Json(LabelsPage { labels: Vec::new() })),
    };
    let labels = api.images.labels(&prefix, caller.audience(), limit).await?;
    let labels = labels.into_iter().map(|label| CountedLabel { name: label.name, count: label.count }).collect();
    Ok(Json(LabelsPage { labels }))
}
