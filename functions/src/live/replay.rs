//! A replay: sends what a subscriber missed, up to the point where it can go live.
//!
//! History is read, rendered and sent in chunks, each of which first reserves its bytes in the budget that all replays
//! share. They are released once they are written, so a reader with a slow link costs no more than any other.

use std::sync::Arc;

use super::render::{self, Shown};
use super::replay_budget::{CHUNK_BYTES, CHUNK_ENTRIES, READING, ReplayBudget};
use super::replay_order::{self, Order};
use crate::model::{Audience, Caller, ConnectionId, Cursor, Image, Notification, Seq, Topic, TopicKey};
use crate::ports::{
    Frame, History, HistoryEntry, HistoryPage, Images, Objects, PageLimit, PortResult, Pusher, TopicPosition, Unreached,
};
use crate::protocol::SubscribedTopic;
use crate::query::{ImageFields, Query};

/// Replays history to a connection.
#[derive(Clone)]
pub(super) struct Replayer {
    pub(super) history: Arc<dyn History>,
    pub(super) images: Arc<dyn Images>,
    pub(super) objects: Arc<dyn Objects>,
    pub(super) pusher: Arc<dyn Pusher>,
    /// Bounds the bytes in flight of all replays.
    pub(super) budget: ReplayBudget,
    /// Maximum number of notifications replayed for one request, over all its topics.
    pub(super) limit: usize,
}

/// The connection a replay is for.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) connection: &'a ConnectionId,
    pub(super) caller: &'a Caller,
    pub(super) filter: Option<&'a Query>,
}

/// One topic of a replay.
pub(super) struct ReplayedTopic {
    /// The topic's name, as the client uses it.
    pub(super) topic: Topic,
    pub(super) key: TopicKey,
    /// Whether everything after the client's cursor was replayed.
    recovered: bool,
    /// Everything up to this position was replayed or not requested.
    position: Cursor,
    /// The number at which the replay ends.
    until: Seq,
}

impl ReplayedTopic {
    /// The topic as it appears in the response.
    pub(super) fn reached(&self) -> SubscribedTopic {
        SubscribedTopic { topic: self.topic.clone(), recovered: self.recovered, cursor: self.position.clone() }
    }

    /// The position from which it may go live.
    pub(super) fn position(&self) -> (TopicKey, Cursor) {
        (self.key.clone(), self.position.clone())
    }

    fn missed(&self) -> usize {
        usize::try_from(self.until.0.saturating_sub(self.position.seq.0)).unwrap_or(usize::MAX)
    }

    /// Skips a gap that cannot be replayed completely; the client has to reload.
    fn pass_over(&mut self) {
        if self.recovered {
            metrics::counter!("labelcast_replays_not_recovered_total").increment(1);
        }
        self.recovered = false;
        self.position.seq = self.position.seq.max(self.until);
    }

    /// Records that one entry could not be sent. Later ones are replayed, but the client has to reload.
    fn left_out(&mut self, notification: &Notification) {
        let (topic, id) = (&self.key, &notification.id);
        tracing::error!(%topic, %id, "a notification is too large for a frame; a replay without it is not called recovered");
        if std::mem::take(&mut self.recovered) {
            metrics::counter!("labelcast_replays_not_recovered_total").increment(1);
        }
    }

    /// Checks that a page continues from this topic's position; otherwise the rest is skipped.
    fn goes_on(&mut self, page: &HistoryPage) -> bool {
        let goes_on = page.head.epoch == self.position.epoch && page.reaches_back_to(self.position.seq);
        if !goes_on {
            self.until = page.head.newest;
            self.position = Cursor { epoch: page.head.epoch.clone(), seq: page.head.newest };
            self.pass_over();
        }
        goes_on
    }
}

/// Whether all entries after a cursor are still there.
fn is_recoverable(since: &Cursor, page: &HistoryPage) -> bool {
    since.epoch == page.head.epoch && since.seq <= page.head.newest && page.reaches_back_to(since.seq)
}

impl Replayer {
    /// Replays what came after each `since`, in order. If entries are missing or exceed the limit, nothing of the topic is
    /// replayed and it is not `recovered`.
    pub(super) async fn begin(
        &self,
        to: Reader<'_>,
        topics: Vec<(Topic, TopicKey, Option<Cursor>)>,
    ) -> PortResult<Result<Vec<ReplayedTopic>, Unreached>> {
        let mut replayed = Vec::with_capacity(topics.len());
        let mut room = self.limit;
        for (topic, key, since) in topics {
            let Some(since) = since else {
                let head = self.history.head(&key).await?;
                let position = Cursor { epoch: head.epoch, seq: head.newest };
                replayed.push(ReplayedTopic { topic, key, recovered: false, position, until: head.newest });
                continue;
            };
            let page = self.history.read(&key, since.seq, PageLimit::entries(0)).await?;
            let until = page.head.newest;
            let mut topic = ReplayedTopic { topic, key, recovered: true, position: since, until };
            if is_recoverable(&topic.position, &page) && topic.missed() <= room {
                room -= topic.missed();
            } else {
                topic.position = Cursor { epoch: page.head.epoch, seq: until };
                topic.pass_over();
            }
            replayed.push(topic);
        }
        Ok(self.replay(to, &mut replayed).await?.map(|()| replayed))
    }

    /// Replays what has arrived on all topics since the replay began.
    pub(super) async fn catch_up(
        &self,
        to: Reader<'_>,
        topics: &mut [ReplayedTopic],
    ) -> PortResult<Result<(), Unreached>> {
        for topic in topics.iter_mut() {
            let page = self.history.read(&topic.key, topic.position.seq, PageLimit::entries(0)).await?;
            if topic.goes_on(&page) {
                topic.until = page.head.newest;
            }
        }
        self.replay(to, topics).await
    }

    /// Replays every topic up to its end, chunk by chunk.
    async fn replay(&self, to: Reader<'_>, topics: &mut [ReplayedTopic]) -> PortResult<Result<(), Unreached>> {
        let order = self.order(topics).await?;
        let mut reached = 0;
        while reached < order.len() {
            // Before anything is read, so that whoever waits for its turn holds nothing.
            let mut in_flight = self.budget.acquire(&to.caller.user, READING).await;
            let (messages, frames) = self.chunk(to, topics, &order, reached).await?;
            if messages == 0 {
                // A history that says what it does not hold; nothing would ever come of going on.
                topics.iter_mut().filter(|topic| topic.missed() > 0).for_each(ReplayedTopic::pass_over);
                break;
            }
            reached += messages;
            in_flight.shrink_to(frames.iter().map(|frame| frame.bytes().len()).sum());
            for frame in frames {
                if let Err(unreached) = self.pusher.post(to.connection, frame).await {
                    return Ok(Err(unreached));
                }
                metrics::counter!("labelcast_replayed_total").increment(1);
            }
            if let Err(unreached) = self.pusher.written(to.connection).await {
                return Ok(Err(unreached));
            }
        }
        Ok(Ok(()))
    }

    /// Determines the order in which the topics' entries are sent.
    async fn order(&self, topics: &[ReplayedTopic]) -> PortResult<Order> {
        let mut with_entries = topics.iter().enumerate().filter(|(_, topic)| topic.missed() > 0);
        let Some((first, topic)) = with_entries.next() else { return Ok(Order::default()) };
        if with_entries.next().is_none() {
            return Ok(Order::of_one(first, topic.missed()));
        }
        let mut ids = Vec::with_capacity(topics.len());
        for topic in topics {
            ids.push(match topic.missed() {
                0 => Vec::new(),
                missed => self.history.ids(&topic.key, topic.position.seq, missed).await?,
            });
        }
        Ok(replay_order::merge(&ids))
    }

    /// Reads and renders the next messages, as many as fit into a chunk but at least one. Returns how many, and the frames
    /// of those that the subscriber may see.
    async fn chunk(
        &self,
        to: Reader<'_>,
        topics: &mut [ReplayedTopic],
        order: &Order,
        first: usize,
    ) -> PortResult<(usize, Vec<Frame>)> {
        let wanted = order.entries(topics.len(), first, CHUNK_ENTRIES);
        let shared = wanted.iter().filter(|entries| **entries > 0).count().max(1);
        let mut pages: Vec<std::vec::IntoIter<HistoryEntry>> = Vec::with_capacity(topics.len());
        for (topic, entries) in topics.iter_mut().zip(wanted) {
            let mut page = Vec::new();
            // Nothing is left of a topic that was passed over meanwhile.
            if entries > 0 && topic.missed() > 0 {
                let limit = PageLimit { entries, bytes: CHUNK_BYTES / shared };
                let read = self.history.read(&topic.key, topic.position.seq, limit).await?;
                if topic.goes_on(&read) {
                    page = read.entries;
                }
            }
            pages.push(page.into_iter());
        }
        let mut messages: Vec<Vec<(usize, HistoryEntry)>> = Vec::new();
        for number in first..order.len().min(first + CHUNK_ENTRIES) {
            let is_there = |topic: &usize| !pages[*topic].as_slice().is_empty() || topics[*topic].missed() == 0;
            if !order.message(number).all(|topic| is_there(&topic)) {
                break;
            }
            let message: Vec<(usize, HistoryEntry)> =
                order.message(number).filter_map(|topic| Some((topic, pages[topic].next()?))).collect();
            for (topic, entry) in &message {
                topics[*topic].position.seq = entry.seq;
            }
            messages.push(message);
        }
        let frames = self.render(to, topics, &messages).await?;
        Ok((messages.len(), frames))
    }

    async fn render(
        &self,
        to: Reader<'_>,
        topics: &mut [ReplayedTopic],
        messages: &[Vec<(usize, HistoryEntry)>],
    ) -> PortResult<Vec<Frame>> {
        let all: Vec<&Notification> =
            messages.iter().filter_map(|message| message.first()).map(|(_, entry)| &entry.notification).collect();
        let shown = Shown::of(&all, &*self.images).await?;
        let mut frames = Vec::with_capacity(messages.len());
        for message in messages {
            let Some((_, entry)) = message.first() else { continue };
            let notification = &entry.notification;
            let image = shown.image(notification);
            let positions: Vec<TopicPosition> = message
                .iter()
                .map(|(topic, entry)| (&topics[*topic], entry))
                .filter(|(topic, _)| wanted(notification, &topic.key, image, to.caller, to.filter))
                .map(|(topic, entry)| TopicPosition {
                    topic: topic.key.clone(),
                    seq: entry.seq,
                    cursor: Cursor { epoch: topic.position.epoch.clone(), seq: entry.seq },
                })
                .collect();
            let positions: Vec<&TopicPosition> = positions.iter().collect();
            if positions.is_empty() {
                continue;
            }
            let Some(shown) = render::frame(notification, &positions, image, &*self.objects) else { continue };
            match Frame::encode(&shown) {
                Some(frame) => frames.push(frame),
                None => message.iter().for_each(|(topic, _)| topics[*topic].left_out(notification)),
            }
        }
        Ok(frames)
    }
}

/// Whether a subscription matches a notification, and the subscriber may see it.
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

/// Evaluates the whole filter, with the code that also searches, on what the subscriber may know of the image.
pub(super) fn matches(filter: &Query, image: &Image, caller: &Caller) -> bool {
    ImageFields::of(image, Audience::of(caller)).is_some_and(|fields| filter.matches(&fields))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::model::{
        Analysis, AttachedUpload, Confidence, ImageId, ImageType, Label, MODERATORS, NotificationId, Status,
        StoredResult, Subject, UserId,
    };

    fn caller(groups: &[&str]) -> Caller {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let expires_at = DateTime::<Utc>::MAX_UTC;
        Caller { user: user(), username: "ada".to_owned(), groups, expires_at, account_version: 0 }
    }

    fn user() -> UserId {
        "ada".parse().unwrap()
    }

    /// A picture of Ada's with these labels.
    fn picture(status: Status, labels: &[&str]) -> Image {
        let label = |name: &&str| Label::new(name.parse().unwrap(), Confidence::FULL);
        let analysis =
            Analysis { labels: labels.iter().map(label).collect(), ..Analysis::nothing(DateTime::UNIX_EPOCH) };
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
    fn filter_results_do_not_depend_on_hidden_labels() {
        let filters = ["dog", "-dog", "d*", "-d*", "dog:50", "dog OR cat", "by:me", "-by:me", "by:me dog", "offensive"];
        for filter in filters {
            let filter = Query::parse(filter).unwrap();
            for status in [Status::Pending, Status::Removed] {
                let responses = [&["dog", "offensive"][..], &["cat"], &[]]
                    .map(|labels| matches(&filter, &picture(status, labels), &caller(&[])));
                assert!(
                    responses.iter().all(|response| *response == responses[0]),
                    "{filter:?} {status:?} {responses:?}"
                );
            }
        }
    }

    #[test]
    fn a_topic_reveals_only_what_its_readers_may_see() {
        let image_id = ImageId::from_digest([0; 32]);
        let labelled = Subject::ImageLabelled { image_id, upload_id: "1".parse().unwrap() };
        let wanted_on = |subject: &Subject, topic: &str, image: Option<&Image>| {
            let (id, at) = (NotificationId::given("x"), DateTime::UNIX_EPOCH);
            let notification = Notification { id, at, subject: subject.clone() };
            wanted(&notification, &topic.parse().unwrap(), image, &caller(&[]), None)
        };
        for status in [Status::Visible, Status::Approved, Status::Pending, Status::Removed] {
            let image = picture(status, &["dog"]);
            let image = Some(&image);
            assert_eq!(wanted_on(&labelled, "labels", image), Audience::EVERYONE.may_see(status), "{status:?}");
            assert!(wanted_on(&labelled, "uploads:ada", image), "{status:?}: that it is done is no secret");
            assert!(wanted_on(&Subject::ImageOffensive { image_id }, "moderation", image), "{status:?}");
            assert!(!wanted_on(&labelled, "uploads:ada", None), "what was deleted is not shown any more");
        }
    }

    #[test]
    fn a_filter_sees_only_labels_its_subscriber_may_see() {
        let filter = Query::parse("dog").unwrap();
        for status in [Status::Visible, Status::Approved] {
            assert!(matches(&filter, &picture(status, &["dog"]), &caller(&[])), "{status:?}");
        }
        assert!(matches(&filter, &picture(Status::Pending, &["dog"]), &caller(&[MODERATORS])));
        assert!(!matches(&filter, &picture(Status::Pending, &["dog"]), &caller(&[])));
    }
}
