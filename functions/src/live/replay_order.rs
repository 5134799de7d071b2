//! Merges the histories of several topics into one replay: each topic's own order, one message an event. Plain function.

use std::collections::HashMap;

use crate::model::NotificationId;

/// The order of a replay: which topics, by index, each message takes the next entry of. Kept in one list, since a replay is
/// kept for as long as its client takes to read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// The topics of all messages, one message after the other, as indexes.
    topics: Vec<u16>,
    /// Where each message ends in `topics`.
    ends: Vec<u32>,
}

impl Order {
    /// The first `entries` of the one topic that has any.
    pub(super) fn of_one(topic: usize, entries: usize) -> Self {
        let mut order = Self::default();
        (0..entries).for_each(|_| order.push([topic]));
        order
    }

    fn push(&mut self, topics: impl IntoIterator<Item = usize>) {
        // A connection has far fewer topics, and a replay fewer entries.
        self.topics.extend(topics.into_iter().map(|topic| u16::try_from(topic).unwrap_or(u16::MAX)));
        self.ends.push(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The topics of a message.
    pub(super) fn message(&self, number: usize) -> impl Iterator<Item = usize> {
        let end = |number: usize| self.ends[number] as usize;
        let begin = if number == 0 { 0 } else { end(number - 1) };
        self.topics[begin..end(number)].iter().map(|topic| usize::from(*topic))
    }

    /// How many entries of each of `topics` topics the messages from `first` on take, `messages` of them at most.
    pub(super) fn entries(&self, topics: usize, first: usize, messages: usize) -> Vec<usize> {
        let mut entries = vec![0; topics];
        for number in first..self.len().min(first + messages) {
            self.message(number).for_each(|topic| entries[topic] += 1);
        }
        entries
    }
}

/// Merges the ids of topics, ascending on each. Topics are appended to in one transaction, so that their orders agree; where
/// they should not, a notification may come once a topic, which clients see by its id.
pub(super) fn merge(topics: &[Vec<NotificationId>]) -> Order {
    // Where each id stands: on which topic, at which place.
    let mut places: HashMap<&NotificationId, Vec<(usize, usize)>> = HashMap::new();
    for (topic, ids) in topics.iter().enumerate() {
        for (place, id) in ids.iter().enumerate() {
            places.entry(id).or_default().push((topic, place));
        }
    }
    let mut fronts = vec![0; topics.len()];
    let mut order = Order::default();
    loop {
        let mut waiting = topics.iter().zip(&fronts).filter_map(|(ids, front)| ids.get(*front));
        let Some(first) = waiting.next() else { return order };
        // A notification that also waits further back on another topic must not come before what is in front there.
        let is_ready = |id: &NotificationId| places[id].iter().all(|(topic, place)| *place <= fronts[*topic]);
        let id = if is_ready(first) { first } else { waiting.find(|id| is_ready(id)).unwrap_or(first) };
        let message: Vec<usize> =
            places[id].iter().filter(|(topic, place)| *place == fronts[*topic]).map(|(topic, _)| *topic).collect();
        for topic in &message {
            fronts[*topic] += 1;
        }
        order.push(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(ids: &[&str]) -> Vec<NotificationId> {
        ids.iter().map(|id| NotificationId::given(id)).collect()
    }

    /// The id of each message and the topics that it stands on.
    fn order(topics: &[Vec<NotificationId>; 2]) -> Vec<(String, Vec<usize>)> {
        let order = merge(topics);
        let mut fronts = [0; 2];
        let messages = (0..order.len()).map(|number| {
            let on: Vec<usize> = order.message(number).collect();
            let ids: Vec<String> = on.iter().map(|topic| topics[*topic][fronts[*topic]].to_string()).collect();
            for topic in &on {
                fronts[*topic] += 1;
            }
            assert!(ids.windows(2).all(|two| two[0] == two[1]), "one message is one notification: {ids:?}");
            (ids[0].clone(), on)
        });
        messages.collect()
    }

    #[test]
    fn an_event_on_two_topics_is_replayed_once_in_the_order_of_both() {
        let merged = order(&[topic(&["a", "both", "b"]), topic(&["x", "both", "y"])]);
        let place = |id: &str| merged.iter().position(|(merged, _)| merged == id).unwrap();
        assert_eq!(merged.len(), 5);
        assert_eq!(merged[place("both")].1, [0, 1]);
        assert!(place("a") < place("both") && place("x") < place("both"));
        assert!(place("both") < place("b") && place("both") < place("y"));
    }

    #[test]
    fn contradictory_orders_still_terminate() {
        let merged = order(&[topic(&["a", "b"]), topic(&["b", "a"])]);
        assert_eq!(merged.iter().map(|(_, topics)| topics.len()).sum::<usize>(), 4);
    }

    #[test]
    fn a_chunk_takes_from_each_topic_what_its_messages_need() {
        let merged = merge(&[topic(&["a", "both", "b"]), topic(&["both", "y"])]);
        assert_eq!(merged.entries(2, 0, 2), [2, 1]);
        assert_eq!(merged.entries(2, 0, 100), [3, 2]);
        assert_eq!(Order::of_one(1, 5).entries(2, 3, 100), [0, 2]);
    }
}
