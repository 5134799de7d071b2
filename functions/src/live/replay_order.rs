//! Merges the histories of several topics into one replay: each topic's own order, one message an event. Plain function.

use crate::ports::HistoryEntry;

/// One message of a replay: a notification and the topics that it stands on, by index, with its entry there.
pub(super) type Message<'a> = Vec<(usize, &'a HistoryEntry)>;

/// Merges entries, ascending on each topic. Topics are appended to in one transaction, so that their orders agree; where
/// they should not, a notification may come once a topic, which clients see by its id.
pub(super) fn merge<'a>(topics: &[&'a [HistoryEntry]]) -> Vec<Message<'a>> {
    let mut places = vec![0; topics.len()];
    let mut merged = Vec::new();
    loop {
        let fronts: Message<'a> = topics
            .iter()
            .enumerate()
            .filter_map(|(topic, entries)| entries.get(places[topic]).map(|entry| (topic, entry)))
            .collect();
        let Some(first) = fronts.first() else { return merged };
        // A notification that also waits further back on another topic must not come before what is in front there.
        let ready = fronts.iter().find(|(topic, front)| {
            topics.iter().enumerate().all(|(other, entries)| {
                other == *topic
                    || entries[places[other]..]
                        .iter()
                        .position(|entry| entry.notification.id == front.notification.id)
                        .is_none_or(|behind| behind == 0)
            })
        });
        let id = &ready.unwrap_or(first).1.notification.id;
        let message: Message<'a> = fronts.iter().filter(|(_, front)| front.notification.id == *id).copied().collect();
        for (topic, _) in &message {
            places[*topic] += 1;
        }
        merged.push(message);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{Notification, NotificationId, Seq, Subject};

    fn topic(ids: &[&str]) -> Vec<HistoryEntry> {
        let entries = ids.iter().zip(1..).map(|(id, seq)| HistoryEntry {
            seq: Seq(seq),
            notification: Notification {
                id: NotificationId::given(id),
                at: DateTime::UNIX_EPOCH,
                subject: Subject::Published { name: "e".to_owned(), data: serde_json::Value::Null },
            },
        });
        entries.collect()
    }

    fn order(topics: &[Vec<HistoryEntry>; 2]) -> Vec<(String, Vec<usize>)> {
        let topics = [topics[0].as_slice(), topics[1].as_slice()];
        let id = |message: &Message<'_>| message[0].1.notification.id.to_string();
        merge(&topics).iter().map(|message| (id(message), message.iter().map(|(topic, _)| *topic).collect())).collect()
    }

    #[test]
    fn an_event_on_two_topics_is_one_message_in_the_order_of_both() {
        let merged = order(&[topic(&["a", "both", "b"]), topic(&["x", "both", "y"])]);
        let place = |id: &str| merged.iter().position(|(merged, _)| merged == id).unwrap();
        assert_eq!(merged.len(), 5);
        assert_eq!(merged[place("both")].1, [0, 1]);
        assert!(place("a") < place("both") && place("x") < place("both"));
        assert!(place("both") < place("b") && place("both") < place("y"));
    }

    #[test]
    fn orders_that_disagree_still_end() {
        let merged = order(&[topic(&["a", "b"]), topic(&["b", "a"])]);
        assert_eq!(merged.iter().map(|(_, topics)| topics.len()).sum::<usize>(), 4);
    }
}
