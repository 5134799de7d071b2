//! The position of a watch: where to resume after a lost connection, and what has already been printed.

use std::collections::{BTreeMap, HashSet, VecDeque};

use labelcast_functions::model::{Cursor, Topic};
use labelcast_functions::protocol::{ClientFrame, NotificationFrame, Subscribe, SubscribedTopic};

/// Number of ids remembered: repeats occur within a replay, which is far shorter.
const REMEMBERED: usize = 10_000;

pub(super) struct Resume {
    topic: Topic,
    filter: Option<String>,
    /// The highest cursor seen.
    cursor: Option<Cursor>,
    printed: HashSet<String>,
    /// The same ids, oldest first.
    order: VecDeque<String>,
}

impl Resume {
    pub(super) fn new(topic: Topic, filter: Option<String>) -> Self {
        Self { topic, filter, cursor: None, printed: HashSet::new(), order: VecDeque::new() }
    }

    /// The watched topic.
    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The request to send on a new connection.
    pub(super) fn request(&self) -> ClientFrame {
        let since: BTreeMap<_, _> =
            self.cursor.iter().map(|cursor| (self.topic.to_string(), cursor.to_string())).collect();
        ClientFrame::Subscribe(Subscribe {
            topics: vec![self.topic.to_string()],
            filter: self.filter.clone(),
            since,
            reference: None,
        })
    }

    /// Handles the server's response; returns whether notifications were missed for good.
    pub(super) fn subscribed(&mut self, topics: &[SubscribedTopic]) -> bool {
        let Some(subscribed) = topics.iter().find(|subscribed| subscribed.topic == self.topic) else { return false };
        let missed = self.cursor.is_some() && !subscribed.recovered;
        self.advance(&subscribed.cursor);
        missed
    }

    /// Records a notification; returns whether it is new.
    pub(super) fn is_new(&mut self, notification: &NotificationFrame) -> bool {
        if let Some(place) = notification.topics.iter().find(|place| place.topic == self.topic) {
            self.advance(&place.cursor);
        }
        if !self.printed.insert(notification.id.clone()) {
            return false;
        }
        self.order.push_back(notification.id.clone());
        if self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front().unwrap_or_default();
            self.printed.remove(&oldest);
        }
        true
    }

    /// Within an epoch the highest cursor is kept, because repeats arrive late; another epoch starts a new history.
    fn advance(&mut self, cursor: &Cursor) {
        match &self.cursor {
            Some(known) if known.epoch == cursor.epoch && known.seq >= cursor.seq => {}
            _ => self.cursor = Some(cursor.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use labelcast_functions::model::{Epoch, Seq};
    use labelcast_functions::protocol::NotificationTopic;
    use serde_json::Value;

    use super::*;

    fn cursor(epoch: u8, seq: u64) -> Cursor {
        Cursor { epoch: Epoch::from_random([epoch; 8]), seq: Seq(seq) }
    }

    fn notification(id: &str, seq: u64) -> NotificationFrame {
        let place = NotificationTopic { topic: Topic::Labels, seq: Seq(seq), cursor: cursor(1, seq) };
        NotificationFrame {
            id: id.to_owned(),
            event: "image.labelled".to_owned(),
            at: chrono::DateTime::UNIX_EPOCH,
            topics: vec![place],
            data: Value::Null,
        }
    }

    fn response(recovered: bool, cursor: Cursor) -> Vec<SubscribedTopic> {
        vec![SubscribedTopic { topic: Topic::Labels, recovered, cursor }]
    }

    fn since(resume: &Resume) -> Option<String> {
        let ClientFrame::Subscribe(request) = resume.request() else { panic!("a request subscribes") };
        request.since.get("labels").cloned()
    }

    #[test]
    fn the_first_subscription_requests_no_replay_and_misses_nothing() {
        let mut resume = Resume::new(Topic::Labels, None);
        assert_eq!(since(&resume), None);
        assert!(!resume.subscribed(&response(false, cursor(1, 7))));
        assert_eq!(since(&resume), Some(cursor(1, 7).to_string()));
    }

    #[test]
    fn it_resumes_after_the_highest_cursor_seen() {
        let mut resume = Resume::new(Topic::Labels, None);
        assert!(resume.is_new(&notification("b", 9)));
        assert!(resume.is_new(&notification("a", 8)));
        assert_eq!(since(&resume), Some(cursor(1, 9).to_string()));
    }

    #[test]
    fn a_repeat_is_printed_once_and_memory_stays_bounded() {
        let mut resume = Resume::new(Topic::Labels, None);
        assert!(resume.is_new(&notification("a", 1)));
        assert!(!resume.is_new(&notification("a", 1)));
        for seq in 0..2 * REMEMBERED as u64 {
            assert!(resume.is_new(&notification(&seq.to_string(), seq)));
        }
        assert_eq!((resume.printed.len(), resume.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn an_unrecovered_gap_is_reported_and_the_new_epoch_is_followed() {
        let mut resume = Resume::new(Topic::Labels, None);
        resume.subscribed(&response(false, cursor(1, 7)));
        assert!(!resume.subscribed(&response(true, cursor(1, 9))));
        assert!(resume.subscribed(&response(false, cursor(2, 1))));
        assert_eq!(since(&resume), Some(cursor(2, 1).to_string()));
    }
}
