//! `history`: a topic's past notifications over REST, for clients that cannot or need not keep a socket open.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::render::{self, Shown};
use super::replay::wanted;
use super::replay_budget::{CHUNK_BYTES, CHUNK_ENTRIES, InFlight, READING, ReplayBudget};
use crate::error::{Error, Result};
use crate::model::{Caller, Cursor, Notification, Seq, Topic, TopicKey};
use crate::ports::{History, HistoryPage, Images, Objects, PageLimit, TopicPosition};
use crate::protocol::{NotificationFrame, ServerFrame};
use crate::rest::{self, AppState, ErrorBody, Path, RestFunction, SignedIn};
use crate::settings::Settings;

/// Serves a topic's history over REST.
#[derive(Clone)]
pub struct HistoryApi {
    /// The notifications kept.
    pub history: Arc<dyn History>,
    /// The images they refer to.
    pub images: Arc<dyn Images>,
    /// Signs links to pictures.
    pub objects: Arc<dyn Objects>,
    /// Says which groups read which topics.
    pub settings: Arc<Settings>,
    /// Bounds the bytes in flight, together with replays.
    pub budget: ReplayBudget,
}

/// Maximum size of one response, in bytes of JSON: well below the 6 MB of a Lambda response, and small enough for many to
/// be in flight at once.
const MAX_BYTES: usize = 1024 * 1024;
/// How long a client may take to read a response: 1 MiB at 30 kbit/s. Its bytes are charged until then.
const READ_WITHIN: Duration = Duration::from_mins(5);

impl RestFunction for HistoryApi {
    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(history))
    }
}

/// Which part of a topic's history to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// A cursor: returns what came after it. If omitted, starts at the oldest notification kept.
    since: Option<String>,
    /// Maximum number of notifications to read, 1 to 1,000; 100 by default. Those that the caller may no longer see are omitted.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// Part of a topic's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// In ascending order. Fewer than requested if they would exceed 1 MiB.
    notifications: Vec<NotificationFrame>,
    /// How far this response reaches: the `since` of the next request. The end is reached when it no longer changes.
    #[schema(value_type = String)]
    cursor: Cursor,
    /// True if nothing between `since` and the first of these is missing. False without `since`.
    recovered: bool,
}

/// Read a topic's history.
#[utoipa::path(get, operation_id = "read_history", path = "/history/{topic}", tag = "topics", security(("token" = [])),
    params(("topic" = String, Path, example = "labels"), HistoryQuery), responses(
    (status = 200, body = HistoryView, description = "the topic's notifications"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "the caller may not read this topic"),
))]
async fn history(
    State(AppState { function: api, .. }): State<AppState<HistoryApi>>,
    SignedIn(caller): SignedIn,
    Path(topic): Path<String>,
    rest::Query(request): rest::Query<HistoryQuery>,
) -> Result<Response> {
    let topic: Topic = topic.parse().map_err(|error| Error::bad_request(format!("{error}")))?;
    if !api.settings.readers.allow(&caller, &topic) {
        return Err(Error::forbidden(format!("You may not read `{topic}`.")));
    }
    let limit = match request.limit.as_deref().map(rest::whole_number) {
        None => 100,
        Some(Some(limit @ 1..=1_000)) => usize::try_from(limit).expect("at most 1,000"),
        Some(_) => return Err(Error::bad_request("`limit` must be a number from 1 to 1000")),
    };
    let since: Option<Cursor> = match request.since.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(text.parse().map_err(|error| Error::bad_request(format!("`since`: {error}")))?),
    };
    let key = topic.key(&caller.user);
    let head = api.history.head(&key).await?;
    // A cursor of another life of the history, or from the future, says nothing here: begin at the oldest.
    let after = since.filter(|since| since.epoch == head.epoch && since.seq <= head.newest).map(|since| since.seq);
    // Reading, and the response.
    let mut in_flight = api.budget.acquire(&caller.user, READING + MAX_BYTES).await;
    let response = api.collect(&key, &caller, after, limit).await?;
    let body = response.into_json();
    in_flight.shrink_to(body.len());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
    ];
    Ok((headers, held(body, in_flight)).into_response())
}

/// A response being assembled: a [`HistoryView`] that holds text instead of values.
struct HistoryBody {
    /// Notifications as JSON, separated by commas.
    notifications: String,
    reached: Cursor,
    recovered: bool,
}

impl HistoryBody {
    fn into_json(self) -> Bytes {
        let Self { notifications, reached, recovered } = self;
        format!("{{\"notifications\":[{notifications}],\"cursor\":\"{reached}\",\"recovered\":{recovered}}}").into()
    }
}

impl HistoryApi {
    /// Reads on from `after` in chunks, until it has enough notifications or bytes, or the history ends.
    async fn collect(&self, key: &TopicKey, caller: &Caller, after: Option<Seq>, limit: usize) -> Result<HistoryBody> {
        let mut reached = after.unwrap_or(Seq(0));
        let mut left = limit;
        let mut page = self.page(key, reached, left).await?;
        let mut response = HistoryBody {
            notifications: String::new(),
            reached: Cursor { epoch: page.head.epoch.clone(), seq: page.head.newest },
            recovered: after.is_some_and(|after| page.reaches_back_to(after)),
        };
        while !page.entries.is_empty() {
            left -= page.entries.len().min(left);
            let rendered = self.render(key, caller, &page).await?;
            for (seq, json) in rendered {
                if let Some(json) = json {
                    if !response.notifications.is_empty() {
                        if response.notifications.len() + json.len() >= MAX_BYTES {
                            response.reached.seq = reached;
                            return Ok(response);
                        }
                        response.notifications.push(',');
                    }
                    response.notifications.push_str(&json);
                }
                reached = seq;
            }
            response.reached.seq = reached;
            if left == 0 || reached >= page.head.newest {
                break;
            }
            page = self.page(key, reached, left).await?;
            if !page.reaches_back_to(reached) || page.head.epoch != response.reached.epoch {
                // Something was deleted meanwhile. The next request reports it; this one has no gap.
                break;
            }
        }
        Ok(response)
    }

    async fn page(&self, key: &TopicKey, after: Seq, left: usize) -> Result<HistoryPage> {
        let limit = PageLimit { entries: left.min(CHUNK_ENTRIES), bytes: CHUNK_BYTES };
        Ok(self.history.read(key, after, limit).await?)
    }

    /// Renders the entries of a page as JSON; `None` for those that the caller may no longer see.
    async fn render(&self, key: &TopicKey, caller: &Caller, page: &HistoryPage) -> Result<Vec<(Seq, Option<String>)>> {
        let all: Vec<&Notification> = page.entries.iter().map(|entry| &entry.notification).collect();
        let shown = Shown::of(&all, &*self.images).await?;
        let rendered = page.entries.iter().map(|entry| {
            let image = shown.image(&entry.notification);
            if !wanted(&entry.notification, key, image, caller, None) {
                return (entry.seq, None);
            }
            let cursor = Cursor { epoch: page.head.epoch.clone(), seq: entry.seq };
            let positions = TopicPosition { topic: key.clone(), seq: entry.seq, cursor };
            let frame = match render::frame(&entry.notification, &[&positions], image, &*self.objects) {
                Some(ServerFrame::Notification(frame)) => Some(frame),
                _ => None,
            };
            let json =
                frame.map(|frame| serde_json::to_string(&frame).expect("frames are plain data, which JSON can hold"));
            (entry.seq, json)
        });
        Ok(rendered.collect())
    }
}

/// The bytes of a response, charged to the budget as long as any chunk of them is held by the body or by the connection of
/// a slow reader.
struct Counted {
    bytes: Bytes,
    _in_flight: InFlight,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body sent in chunks, so that a response that is not read in time can be dropped.
fn held(body: Bytes, in_flight: InFlight) -> Body {
    const PIECE: usize = 32 * 1024;
    let body = Bytes::from_owner(Counted { bytes: body, _in_flight: in_flight });
    let end = Instant::now() + READ_WITHIN;
    Body::from_stream(stream::unfold(body, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        if Instant::now() > end {
            metrics::counter!("labelcast_history_unread_total").increment(1);
            return Some((Err(io::Error::from(io::ErrorKind::TimedOut)), Bytes::new()));
        }
        let piece = left.split_to(PIECE.min(left.len()));
        Some((Ok(piece), left))
    }))
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::budget::{ByteSize, MemoryBudget};
    use crate::model::UserId;

    async fn response(budget: &ReplayBudget, user: &UserId) -> Body {
        let mut in_flight = budget.acquire(user, READING + MAX_BYTES).await;
        let body = Bytes::from(vec![b'x'; MAX_BYTES]);
        in_flight.shrink_to(body.len());
        held(body, in_flight)
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_is_charged_as_long_as_any_of_it_is_held() {
        let budget = ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64)));
        let user: UserId = "ada".parse().unwrap();
        let unread = response(&budget, &user).await;
        let mut others = Vec::new();
        while let Some(another) = response(&budget, &user).now_or_never() {
            others.push(another);
        }
        assert!(!others.is_empty());
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(response(&budget, &user).now_or_never().is_none(), "nobody has read anything, so all of it is there");
        let piece = others.remove(0).into_data_stream().next().await;
        assert!(piece.unwrap().is_err(), "it was not read in time");
        assert!(response(&budget, &user).now_or_never().is_some(), "and is given back with its body");
        drop(unread);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_waiting_to_be_sent_keeps_the_whole_response_charged() {
        let budget = ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64)));
        let user: UserId = "ada".parse().unwrap();
        let mut body = response(&budget, &user).await.into_data_stream();
        let piece = body.next().await.unwrap().unwrap();
        drop(body);
        let held = budget.held();
        assert_eq!(held, MAX_BYTES as u64);
        drop(piece);
        assert_eq!(budget.held(), 0);
    }
}
