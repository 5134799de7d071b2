//! `history`: what was notified, over REST. For those who cannot, or need not, hold a socket open.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::render::{self, Shown};
use super::replay::wanted;
use crate::error::{Error, Result};
use crate::model::{Cursor, Notification, Seq, Topic};
use crate::ports::{History, Images, Objects, Placed};
use crate::protocol::{NotificationFrame, ServerFrame};
use crate::rest::{self, Door, ErrorBody, Json, Path, SignedIn};
use crate::settings::Settings;

/// The function's parts.
#[derive(Clone)]
pub struct HistoryApi {
    /// Who calls.
    pub door: Door,
    /// What was notified.
    pub history: Arc<dyn History>,
    /// What it was about.
    pub images: Arc<dyn Images>,
    /// What signs URLs.
    pub objects: Arc<dyn Objects>,
    /// Who may read what.
    pub settings: Arc<Settings>,
}

impl FromRef<HistoryApi> for Door {
    fn from_ref(api: &HistoryApi) -> Self {
        api.door.clone()
    }
}

impl HistoryApi {
    /// Its routes, and their contract.
    pub fn routes() -> OpenApiRouter<Self> {
        OpenApiRouter::new().routes(routes!(history))
    }
}

/// Which part of a topic's history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// A cursor: what came after it is answered. Without one, from the oldest that is kept.
    since: Option<String>,
    /// Notifications looked at, 1 to 1,000; 100 if none is given. What may not be seen any more is left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// Part of a topic's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// Ascending.
    notifications: Vec<NotificationFrame>,
    /// How far this answer reaches: the `since` of the next. The end is reached when it no longer moves.
    #[schema(value_type = String)]
    cursor: Cursor,
    /// Nothing between `since` and the first of these is missing. False without `since`.
    recovered: bool,
}

/// Read a topic's history.
#[utoipa::path(get, operation_id = "read_history", path = "/history/{topic}", tag = "topics", security(("token" = [])),
    params(("topic" = String, Path, example = "labels"), HistoryQuery), responses(
    (status = 200, body = HistoryView, description = "what was notified"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "a topic that is not for this user"),
))]
async fn history(
    State(api): State<HistoryApi>,
    SignedIn(caller): SignedIn,
    Path(topic): Path<String>,
    rest::Query(asked): rest::Query<HistoryQuery>,
) -> Result<Json<HistoryView>> {
    let topic: Topic = topic.parse().map_err(|error| Error::bad_request(format!("{error}")))?;
    if !api.settings.readers.allow(&caller, &topic) {
        return Err(Error::forbidden(format!("`{topic}` is not for you")));
    }
    let limit = match asked.limit.as_deref().map(rest::whole_number) {
        None => 100,
        Some(Some(limit @ 1..=1_000)) => usize::try_from(limit).expect("at most 1,000"),
        Some(_) => return Err(Error::bad_request("`limit` must be a number from 1 to 1000")),
    };
    let since: Option<Cursor> = match asked.since.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(text.parse().map_err(|error| Error::bad_request(format!("`since`: {error}")))?),
    };
    let key = topic.key(&caller.user);
    let head = api.history.head(&key).await?;
    // A cursor of another life of the history, or from the future, says nothing here: begin at the oldest.
    let after = since.filter(|since| since.epoch == head.epoch && since.seq <= head.newest).map(|since| since.seq);
    let page = api.history.read(&key, after.unwrap_or(Seq(0)), limit).await?;
    let recovered = after.is_some_and(|after| page.reaches_back_to(after));
    let reached = page.entries.last().map_or(page.head.newest, |entry| entry.seq);
    let all: Vec<&Notification> = page.entries.iter().map(|entry| &entry.notification).collect();
    let shown = Shown::of(&all, &*api.images).await?;
    let notifications = page.entries.iter().filter_map(|entry| {
        let image = shown.image(&entry.notification);
        if !wanted(&entry.notification, &key, image, &caller, None) {
            return None;
        }
        let cursor = Cursor { epoch: page.head.epoch.clone(), seq: entry.seq };
        let placed = Placed { topic: key.clone(), seq: entry.seq, cursor };
        match render::frame(&entry.notification, &[&placed], image, &*api.objects) {
            Some(ServerFrame::Notification(frame)) => Some(frame),
            _ => None,
        }
    });
    Ok(Json(HistoryView {
        notifications: notifications.collect(),
        cursor: Cursor { epoch: page.head.epoch.clone(), seq: reached },
        recovered,
    }))
}
