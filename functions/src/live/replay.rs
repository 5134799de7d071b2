//! A replay: what a subscriber missed, up to where it can go live.

use std::sync::Arc;

use super::render::{self, Shown};
use super::replay_order;
use crate::model::{Caller, ConnectionId, Cursor, Epoch, Image, Notification, Topic, TopicKey};
use crate::ports::{Frame, History, HistoryEntry, HistoryPage, Images, Objects, Placed, PortResult, Pusher, Unreached};
use crate::protocol::SubscribedTopic;
use crate::query::{Facts, Query};

/// What replays need.
#[derive(Clone)]
pub(super) struct Replayer {
    pub(super) history: Arc<dyn History>,
    pub(super) images: Arc<dyn Images>,
    pub(super) objects: Arc<dyn Objects>,
    pub(super) pusher: Arc<dyn Pusher>,
    /// Notifications replayed at most, over all topics of one request.
    pub(super) limit: usize,
}

/// One topic of a replay.
pub(super) struct ReplayedTopic {
    /// As the client calls it.
    pub(super) topic: Topic,
    pub(super) key: TopicKey,
    /// Everything since was replayed.
    recovered: bool,
    /// Everything at or below was replayed, or is not asked for.
    position: Cursor,
}

impl ReplayedTopic {
    /// As it stands in the answer.
    pub(super) fn reached(&self) -> SubscribedTopic {
        SubscribedTopic { topic: self.topic.clone(), recovered: self.recovered, cursor: self.position.clone() }
    }

    /// Where it may go live.
    pub(super) fn position(&self) -> (TopicKey, Cursor) {
        (self.key.clone(), self.position.clone())
    }
}

/// Entries of one topic that are to be replayed.
struct Missed {
    topic: TopicKey,
    epoch: Epoch,
    entries: Vec<HistoryEntry>,
}

/// Whether entries after a cursor can be replayed truthfully (rule 8).
fn is_recoverable(since: &Cursor, page: &HistoryPage) -> bool {
    since.epoch == page.head.epoch && since.seq <= page.head.newest && page.reaches_back_to(since.seq)
}

impl Replayer {
    /// Replays what came after each `since`, in order. Where that cannot be done truthfully, or is more than the limit,
    /// nothing of the topic is replayed and it is not `recovered`.
    pub(super) async fn begin(
        &self,
        to: &ConnectionId,
        caller: &Caller,
        filter: Option<&Query>,
        topics: Vec<(Topic, TopicKey, Option<Cursor>)>,
    ) -> PortResult<Result<Vec<ReplayedTopic>, Unreached>> {
        let mut replayed = Vec::with_capacity(topics.len());
        let mut missed = Vec::new();
        let mut room = self.limit;
        for (topic, key, since) in topics {
            let Some(since) = since else {
                let head = self.history.head(&key).await?;
                let position = Cursor { epoch: head.epoch, seq: head.newest };
                replayed.push(ReplayedTopic { topic, key, recovered: false, position });
                continue;
            };
            // One more than there is room for tells that there are too many.
            let page = self.history.read(&key, since.seq, room + 1).await?;
            let recovered = is_recoverable(&since, &page) && page.entries.len() <= room;
            let mut position = Cursor { epoch: page.head.epoch, seq: page.head.newest };
            if recovered {
                room -= page.entries.len();
                position.seq = page.entries.last().map_or(since.seq, |entry| entry.seq);
                missed.push(Missed { topic: key.clone(), epoch: position.epoch.clone(), entries: page.entries });
            } else {
                metrics::counter!("labelcast_replays_not_recovered_total").increment(1);
            }
            replayed.push(ReplayedTopic { topic, key, recovered, position });
        }
        let sent = self.send(to, caller, filter, &missed).await?;
        Ok(sent.map(|()| replayed))
    }

    /// Replays what came since, on all topics: a subscription that begins now also wants what came since it began.
    pub(super) async fn catch_up(
        &self,
        to: &ConnectionId,
        caller: &Caller,
        filter: Option<&Query>,
        topics: &mut [ReplayedTopic],
    ) -> PortResult<Result<(), Unreached>> {
        let mut missed = Vec::with_capacity(topics.len());
        for topic in topics.iter_mut() {
            let page = self.history.read(&topic.key, topic.position.seq, self.limit).await?;
            if page.head.epoch != topic.position.epoch || !page.reaches_back_to(topic.position.seq) {
                topic.recovered = false;
            }
            topic.position.epoch = page.head.epoch;
            if let Some(last) = page.entries.last() {
                topic.position.seq = last.seq;
            }
            missed.push(Missed {
                topic: topic.key.clone(),
                epoch: topic.position.epoch.clone(),
                entries: page.entries,
            });
        }
        self.send(to, caller, filter, &missed).await
    }

    async fn send(
        &self,
        to: &ConnectionId,
        caller: &Caller,
        filter: Option<&Query>,
        missed: &[Missed],
    ) -> PortResult<Result<(), Unreached>> {
        let all: Vec<&Notification> =
            missed.iter().flat_map(|topic| topic.entries.iter().map(|entry| &entry.notification)).collect();
        let shown = Shown::of(&all, &*self.images).await?;
        let entries: Vec<&[HistoryEntry]> = missed.iter().map(|topic| topic.entries.as_slice()).collect();
        for message in replay_order::merge(&entries) {
            let notification = &message[0].1.notification;
            let image = shown.image(notification);
            let placed: Vec<Placed> = message
                .iter()
                .map(|(topic, entry)| (&missed[*topic], entry))
                .filter(|(missed, _)| wanted(notification, &missed.topic, image, caller, filter))
                .map(|(missed, entry)| Placed {
                    topic: missed.topic.clone(),
                    seq: entry.seq,
                    cursor: Cursor { epoch: missed.epoch.clone(), seq: entry.seq },
                })
                .collect();
            let placed: Vec<&Placed> = placed.iter().collect();
            if placed.is_empty() {
                continue;
            }
            let frame = render::frame(notification, &placed, image, &*self.objects);
            let Some(frame) = frame.as_ref().and_then(Frame::encode) else { continue };
            if let Err(unreached) = self.pusher.post(to, frame).await {
                return Ok(Err(unreached));
            }
            metrics::counter!("labelcast_replayed_total").increment(1);
        }
        Ok(Ok(()))
    }
}

/// Whether somebody wants to see a notification on a topic, and may.
pub(super) fn wanted(
    notification: &Notification,
    topic: &TopicKey,
    image: Option<&Image>,
    caller: &Caller,
    filter: Option<&Query>,
) -> bool {
    render::may_be_seen(notification, topic, image)
        && match (filter, image) {
            (Some(filter), Some(image)) => matches(filter, image, caller),
            // Filters hold back images only.
            _ => true,
        }
}

/// The whole filter, by the code that also searches.
///
/// It sees what the subscriber may see: of a picture that is hidden from them, which an uploader still hears of, neither
/// labels nor that it is offensive. Otherwise `dog` and `-dog` on `uploads` would tell what is on it.
pub(super) fn matches(filter: &Query, image: &Image, caller: &Caller) -> bool {
    image.result.as_ref().is_some_and(|stored| {
        let seen = stored.status.is_public() || caller.is_moderator();
        filter.matches(&Facts {
            labels: if seen { &stored.analysis.labels } else { &[] },
            offensive: seen && stored.analysis.is_offensive(),
            mine: image.is_uploaded_by(&caller.user),
        })
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::model::{
        Analysis, AttachedUpload, Confidence, ImageId, ImageType, Label, MODERATORS, Status, StoredResult, UserId,
    };

    fn caller(groups: &[&str]) -> Caller {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let expires_at = DateTime::<Utc>::MAX_UTC;
        Caller { user: user(), username: "ada".to_owned(), groups, expires_at, account_version: 0 }
    }

    fn user() -> UserId {
        "ada".parse().unwrap()
    }

    /// One picture of Ada's that carries these labels.
    fn picture(status: Status, labels: &[&str]) -> Image {
        let label = |name: &&str| Label { name: name.parse().unwrap(), confidence: Confidence::FULL };
        let analysis = Analysis {
            labels: labels.iter().map(label).collect(),
            moderation: Vec::new(),
            colors: Vec::new(),
            labelled_at: DateTime::UNIX_EPOCH,
        };
        let position = crate::model::Position(1);
        Image {
            id: ImageId::from_digest([0; 32]),
            content_type: ImageType::Png,
            size: 1,
            width: 1,
            height: 1,
            uploaded_at: DateTime::UNIX_EPOCH,
            generation: None,
            uploads: vec![AttachedUpload { upload_id: "1".parse().unwrap(), user: user() }],
            result: Some(StoredResult { analysis, status, version: 1, position }),
        }
    }

    #[test]
    fn what_a_filter_answers_does_not_depend_on_labels_that_are_hidden() {
        let filters = ["dog", "-dog", "d*", "-d*", "dog:50", "dog OR cat", "by:me", "-by:me", "by:me dog", "offensive"];
        for filter in filters {
            let filter = Query::parse(filter).unwrap();
            for status in [Status::Pending, Status::Removed] {
                let answers = [&["dog", "offensive"][..], &["cat"], &[]]
                    .map(|labels| matches(&filter, &picture(status, labels), &caller(&[])));
                assert!(answers.iter().all(|answer| *answer == answers[0]), "{filter:?} {status:?} {answers:?}");
            }
        }
    }

    #[test]
    fn a_filter_sees_the_labels_that_its_subscriber_may_see() {
        let filter = Query::parse("dog").unwrap();
        for status in [Status::Visible, Status::Approved] {
            assert!(matches(&filter, &picture(status, &["dog"]), &caller(&[])), "{status:?}");
        }
        assert!(matches(&filter, &picture(Status::Pending, &["dog"]), &caller(&[MODERATORS])));
        assert!(!matches(&filter, &picture(Status::Pending, &["dog"]), &caller(&[])));
    }
}
