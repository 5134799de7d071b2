use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use chrono::TimeDelta;
use futures_util::future::join_all;
use labelcast_aws::dynamodb::DynamoHistory;
use labelcast_functions::model::{Seq, TopicKey};
use labelcast_functions::ports::{History, PageLimit, TopicPosition};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::{Stack, chance, topic};

const NOTIFIERS: usize = 5;
const STEPS: usize = 40;
/// Few enough that notifiers meet on most of them: half of what is appended is a repeat.
const IDS: usize = NOTIFIERS * STEPS / 2;

/// What must be so, whatever DynamoDB has.
#[derive(Default)]
struct Model {
    /// By id: the numbers that were answered first.
    numbers: BTreeMap<String, Vec<Seq>>,
    /// Appended, and nobody began to settle it.
    in_flight: BTreeSet<(TopicKey, Seq)>,
    /// Somebody began to settle it: who pushes a repeat may, before the answer of who was first comes.
    watermark: BTreeSet<(TopicKey, Seq)>,
    /// Died with their notifier.
    lost: usize,
}

struct Notifier<'a> {
    history: DynamoHistory,
    stack: &'a Stack,
    model: &'a Mutex<Model>,
    pushing: Vec<TopicPosition>,
}

impl Notifier<'_> {
    fn in_flight(&self, topic: &TopicKey) -> BTreeSet<Seq> {
        let model = self.model.lock().unwrap();
        model.in_flight.iter().filter(|(other, _)| other == topic).map(|(_, seq)| *seq).collect()
    }

    /// Numbers in flight throughout must be beyond the watermark.
    fn check(&self, topic: &TopicKey, before: &BTreeSet<Seq>, watermark: Seq) {
        let now = self.in_flight(topic);
        if let Some(first) = before.intersection(&now).next() {
            assert!(watermark < *first, "the watermark of {topic} is at {watermark:?} while {first:?} is in flight");
        }
    }

    async fn append(&mut self, random: &mut impl Rng) {
        let number = random.random_range(0..IDS);
        let id = format!("id-{number}");
        let topics: Vec<TopicKey> = match number % 3 {
            0 => vec![topic("labels"), topic("uploads:anna")],
            1 => vec![topic("labels")],
            _ => vec![topic("uploads:anna"), topic("labels"), topic("app:builds")],
        };
        let before: Vec<BTreeSet<Seq>> = topics.iter().map(|topic| self.in_flight(topic)).collect();
        let entry = self.stack.entry(&id, &topics);
        let appended = self.history.append(&[entry]).await.unwrap().remove(0);
        let numbers: Vec<Seq> = appended.positions.iter().map(|positions| positions.seq).collect();
        {
            let mut model = self.model.lock().unwrap();
            // The answer of who was first may come after the answer of who was second.
            let known = model.numbers.entry(id).or_insert_with(|| numbers.clone());
            assert_eq!(*known, numbers, "an id keeps its numbers");
        }
        for (positions, before) in appended.positions.iter().zip(&before) {
            self.check(&positions.topic, before, positions.cursor.seq);
            if !appended.repeated {
                assert!(positions.cursor.seq < positions.seq, "it is still to be pushed");
                let mut model = self.model.lock().unwrap();
                let here = (positions.topic.clone(), positions.seq);
                if !model.watermark.contains(&here) {
                    model.in_flight.insert(here);
                }
            }
        }
        self.pushing.extend(appended.positions);
    }

    async fn mark_delivered(&mut self, from: usize) {
        let watermark: Vec<TopicPosition> = self.pushing.drain(from..).collect();
        for positions in &watermark {
            let mut model = self.model.lock().unwrap();
            let here = (positions.topic.clone(), positions.seq);
            model.in_flight.remove(&here);
            model.watermark.insert(here);
        }
        self.history.mark_delivered(&watermark).await.unwrap();
    }

    async fn run(mut self, mut random: StdRng) {
        for _ in 0..STEPS {
            match random.random_range(0..10) {
                0..=5 => self.append(&mut random).await,
                6..=7 => {
                    let from = random.random_range(0..=self.pushing.len());
                    self.mark_delivered(from).await;
                }
                8 => {
                    let topic = topic("labels");
                    let before = self.in_flight(&topic);
                    let head = self.history.head(&topic).await.unwrap();
                    self.check(&topic, &before, head.watermark);
                    assert!(head.watermark <= head.newest);
                }
                // It dies, and another takes its place.
                _ => self.model.lock().unwrap().lost += std::mem::take(&mut self.pushing).len(),
            }
        }
        self.mark_delivered(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_notifiers_leave_no_gap_no_duplicate_and_no_watermark_beyond_notifications_in_flight() {
    let stack = Stack::start().await;
    let model = Mutex::new(Model::default());
    let notifiers = chance(NOTIFIERS).into_iter().map(|random| {
        let notifier = Notifier { history: stack.history(), stack: &stack, model: &model, pushing: Vec::new() };
        notifier.run(random)
    });
    join_all(notifiers).await;
    let model = model.into_inner().unwrap();
    let history = stack.history();
    let mut entries = 0;
    for topic in ["labels", "uploads:anna", "app:builds"].map(topic) {
        let page = history.read(&topic, Seq(0), PageLimit::entries(1_000)).await.unwrap();
        let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, (1..=page.head.newest.0).collect::<Vec<_>>(), "no holes in {topic}");
        let ids: BTreeSet<&str> = page.entries.iter().map(|entry| entry.notification.id.as_str()).collect();
        assert_eq!(ids.len(), seqs.len(), "no doubles in {topic}");
        for entry in &page.entries {
            assert!(model.numbers[entry.notification.id.as_str()].contains(&entry.seq));
        }
        entries += seqs.len();
        // A number that died in flight holds the watermark until it counts as exhausted.
        if model.lost == 0 {
            assert_eq!(page.head.watermark, page.head.newest);
        }
    }
    assert_eq!(model.numbers.values().map(Vec::len).sum::<usize>(), entries);
    stack.clock.advance(TimeDelta::minutes(21));
    for topic in ["labels", "uploads:anna", "app:builds"].map(topic) {
        let head = history.head(&topic).await.unwrap();
        assert_eq!(head.watermark, head.newest);
    }
}

#[tokio::test]
async fn readers_see_no_gap_while_old_entries_are_deleted() {
    let stack = Stack::start().await;
    let topics = [topic("labels"), topic("uploads:anna")];
    let history = stack.history();
    for number in 0..40 {
        history.append(&[stack.entry(&format!("id-{number}"), &topics)]).await.unwrap();
    }
    stack.clock.advance(TimeDelta::hours(1));
    let before = labelcast_functions::ports::Clock::now(&*stack.clock);
    let forget = async {
        let mut forgotten = 0;
        for keep in (0..40).rev() {
            forgotten += history
                .expire(labelcast_functions::ports::Expiry { before, keep, unused: chrono::DateTime::UNIX_EPOCH })
                .await
                .unwrap();
        }
        forgotten
    };
    let read = async {
        for _ in 0..100 {
            let page = history.read(&topics[0], Seq(0), PageLimit::entries(1_000)).await.unwrap();
            let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq.0).collect();
            assert_eq!(seqs, (page.oldest.0..=40).collect::<Vec<_>>(), "what is said to be kept is there");
        }
    };
    let (forgotten, ()) = futures_util::future::join(forget, read).await;
    assert_eq!(forgotten, 80);
    // Forgotten on both topics, an id is new again.
    let again = history.append(&[stack.entry("id-0", &topics)]).await.unwrap().remove(0);
    assert_eq!((again.repeated, again.positions[0].seq), (false, Seq(41)));
}
