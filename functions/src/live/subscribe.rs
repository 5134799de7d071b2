//! `subscribe` and `set_notify_list`: start subscriptions, after replaying what was missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::replay::{Reader, ReplayedTopic, Replayer};
use crate::error::{Error, Result};
use crate::model::{Audience, Connection, Cursor, Topic, TopicKey};
use crate::ports::{
    Connections, Frame, GoLive, PortResult, Replacing, Subscribed, Subscription, SubscriptionState, Unreached,
};
use crate::protocol::{ServerFrame, Subscribe};
use crate::query::Query;
use crate::settings::Settings;

/// Starts subscriptions.
#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) connections: Arc<dyn Connections>,
    pub(super) replayer: Replayer,
    pub(super) settings: Arc<Settings>,
}

/// A validated request. It is checked as a whole: one forbidden topic or invalid filter refuses all of it.
#[derive(Debug)]
pub(super) struct Request {
    topics: Vec<(Topic, Option<Cursor>)>,
    filter: Option<Arc<Query>>,
    replacing: Replacing,
    reference: Option<String>,
}

/// The outcome of a request.
pub(super) enum Outcome {
    /// Done; the response is queued.
    Responded,
    /// The connection would have too many subscriptions.
    TooMany,
    /// The connection is gone.
    Gone,
}

impl Request {
    /// Validates a `subscribe` request against the caller's permissions and the limits.
    pub(super) fn subscribe(request: &Subscribe, connection: &Connection, settings: &Settings) -> Result<Self> {
        let topics = topics(&request.topics, &request.since, connection, settings)?;
        if topics.is_empty() {
            return Err(Error::bad_request("`topics` must name at least one topic"));
        }
        let filter = match request.filter.as_deref() {
            None => None,
            Some(text) => Some(Arc::new(filter(text, &topics, connection)?)),
        };
        // A filter that asks nothing is none: its subscription is found without looking at labels.
        let filter = filter.filter(|filter| !filter.is_everything());
        Ok(Self { topics, filter, replacing: Replacing::Same, reference: request.reference.clone() })
    }

    /// Validates a `set_notify_list` request likewise.
    pub(super) fn notify_list(
        request: &[String],
        reference: Option<String>,
        connection: &Connection,
        settings: &Settings,
    ) -> Result<Self> {
        let topics = topics(request, &BTreeMap::new(), connection, settings)?;
        Ok(Self { topics, filter: None, replacing: Replacing::All, reference })
    }

    fn subscriptions(&self, connection: &Connection) -> Vec<Subscription> {
        let caller = Arc::new(connection.caller.clone());
        let topics = self.topics.iter().map(|(topic, _)| topic.clone().key(&caller.user));
        topics
            .map(|topic| Subscription {
                connection: connection.id.clone(),
                topic,
                filter: self.filter.clone(),
                state: SubscriptionState::Replaying,
                caller: caller.clone(),
            })
            .collect()
    }

    fn response(&self, topics: &[ReplayedTopic]) -> ServerFrame {
        let reached = topics.iter().map(ReplayedTopic::reached).collect();
        match self.replacing {
            Replacing::Same => ServerFrame::Subscribed { reference: self.reference.clone(), topics: reached },
            Replacing::All => ServerFrame::NotifyList { reference: self.reference.clone(), topics: reached },
        }
    }
}

/// Parses topics: each once, in the order requested, with its cursor. All of them must be allowed.
fn topics(
    request: &[String],
    since: &BTreeMap<String, String>,
    connection: &Connection,
    settings: &Settings,
) -> Result<Vec<(Topic, Option<Cursor>)>> {
    let mut cursors: BTreeMap<&str, Cursor> = BTreeMap::new();
    for (topic, cursor) in since {
        let cursor = cursor.parse().map_err(|error| Error::bad_request(format!("`since`: {error}")))?;
        cursors.insert(topic, cursor);
    }
    let mut topics: Vec<(Topic, Option<Cursor>)> = Vec::new();
    for text in request {
        let topic: Topic = text.parse().map_err(|error| Error::bad_request(format!("{error}")))?;
        if !settings.readers.allow(&connection.caller, &topic) {
            return Err(Error::forbidden(format!("You may not read `{topic}`. Nothing was changed.")));
        }
        let cursor = cursors.get(text.as_str()).cloned();
        if topics.iter().all(|(known, _)| *known != topic) {
            topics.push((topic, cursor));
        }
        if topics.len() > settings.topics_per_connection {
            // Too many whatever the others are, which is found and said where they are stored.
            break;
        }
    }
    Ok(topics)
}

fn filter(text: &str, topics: &[(Topic, Option<Cursor>)], connection: &Connection) -> Result<Query> {
    if let Some((topic, _)) = topics.iter().find(|(topic, _)| !topic.has_images()) {
        return Err(Error::bad_request(format!("`filter` does not apply to `{topic}`, which has no images")));
    }
    let query = Query::parse(text)?;
    if !query.may_be_asked_by(Audience::of(&connection.caller)) {
        return Err(Error::forbidden("only moderators may use `is:offensive`"));
    }
    Ok(query)
}

impl Subscriber {
    /// Stores the subscriptions, replays what was missed, goes live and responds, in this order, so that nothing is lost in
    /// between (`docs/guarantees.md#live-waits-for-replay`).
    pub(super) async fn run(&self, connection: &Connection, request: Request) -> PortResult<Outcome> {
        let subscriptions = request.subscriptions(connection);
        let limit = self.settings.topics_per_connection;
        match self.connections.subscribe(&connection.id, &subscriptions, request.replacing, limit).await? {
            Subscribed::Stored => {}
            Subscribed::TooMany => return Ok(Outcome::TooMany),
            Subscribed::Gone => return Ok(Outcome::Gone),
        }
        let caller = &connection.caller;
        let reader = Reader { connection: &connection.id, caller, filter: request.filter.as_deref() };
        let topics: Vec<(Topic, TopicKey, Option<Cursor>)> = request
            .topics
            .iter()
            .map(|(topic, since)| (topic.clone(), topic.clone().key(&caller.user), since.clone()))
            .collect();
        let mut replayed = match self.replayer.begin(reader, topics).await? {
            Ok(replayed) => replayed,
            Err(unreached) => return Ok(on_exhausted(connection, unreached)),
        };
        loop {
            let positions: Vec<(TopicKey, Cursor)> = replayed.iter().map(ReplayedTopic::position).collect();
            let response = Frame::encode(&request.response(&replayed))
                .expect("a response naming at most a frame's worth of topics fits into a frame");
            match self.connections.go_live(&connection.id, &positions, response).await? {
                GoLive::Live => return Ok(Outcome::Responded),
                GoLive::Gone => return Ok(Outcome::Gone),
                // What came meanwhile is replayed too. A reader that takes nothing for long ends this: it is not reached any more.
                GoLive::Behind => {}
            }
            if let Err(unreached) = self.replayer.catch_up(reader, &mut replayed).await? {
                return Ok(on_exhausted(connection, unreached));
            }
        }
    }
}

fn on_exhausted(connection: &Connection, unreached: Unreached) -> Outcome {
    tracing::info!(connection = %connection.id, %unreached, "a replay was abandoned");
    metrics::counter!("labelcast_replays_reader_lost_total").increment(1);
    Outcome::Gone
}
