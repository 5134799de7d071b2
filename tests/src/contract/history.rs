//! [`labelcast_functions::ports::History`]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use labelcast_functions::model::{Notification, NotificationId, Seq, Subject, TopicKey};
use labelcast_functions::ports::{Appended, Clock, Expiry, NewEntry, PageLimit};
use serde_json::json;

use super::Backend;
use super::samples::{app, user};

fn entry(backend: &impl Backend, id: &str, topics: &[TopicKey]) -> NewEntry {
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({"id": id, "text": "ä\u{1f600}"}) };
    let notification = Notification { id: NotificationId::given(id), at: backend.clock().now(), subject };
    NewEntry { notification, topics: topics.to_vec() }
}

async fn append(backend: &impl Backend, id: &str, topics: &[TopicKey]) -> Appended {
    let mut appended = backend.ports().history.append(&[entry(backend, id, topics)]).await.unwrap();
    assert_eq!(appended.len(), 1);
    appended.remove(0)
}

async fn seqs(backend: &impl Backend, topic: &TopicKey) -> Vec<(u64, String)> {
    let page = backend.ports().history.read(topic, Seq(0), PageLimit::entries(1_000)).await.unwrap();
    page.entries.into_iter().map(|entry| (entry.seq.0, entry.notification.id.to_string())).collect()
}

/// From 1, on every topic, as one.
pub async fn entries_are_numbered_without_gaps(backend: impl Backend) {
    let (builds, deploys) = (app("builds"), app("deploys"));
    let first = append(&backend, "a", &[builds.clone(), deploys.clone()]).await;
    let second = append(&backend, "b", std::slice::from_ref(&builds)).await;
    assert!(!first.repeated && !second.repeated);
    let positions: Vec<_> = first.positions.iter().map(|positions| (positions.topic.clone(), positions.seq)).collect();
    assert_eq!(positions, [(builds.clone(), Seq(1)), (deploys.clone(), Seq(1))], "in the order asked");
    assert_eq!(second.positions[0].seq, Seq(2));
    assert_eq!(seqs(&backend, &builds).await, [(1, "a".to_owned()), (2, "b".to_owned())]);
    assert_eq!(seqs(&backend, &deploys).await, [(1, "a".to_owned())]);
}

/// Byte for byte.
pub async fn an_entry_round_trips(backend: impl Backend) {
    let topic = TopicKey::Uploads(user("anna"));
    let request = entry(&backend, "a", std::slice::from_ref(&topic));
    backend.ports().history.append(std::slice::from_ref(&request)).await.unwrap();
    let page = backend.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries[0].notification, request.notification);
    assert_eq!(seqs(&backend, &TopicKey::Uploads(user("bert"))).await, [], "everybody's uploads are their own");
}

/// An id that exists keeps its number (`docs/guarantees.md#no-holes-no-doubles`).
pub async fn a_repeated_append_keeps_its_number_and_adds_nothing(backend: impl Backend) {
    let topics = [app("builds"), app("deploys")];
    let first = append(&backend, "a", &topics).await;
    append(&backend, "b", &topics).await;
    let again = append(&backend, "a", &topics).await;
    assert!(again.repeated);
    let numbers = |appended: &Appended| appended.positions.iter().map(|positions| positions.seq).collect::<Vec<_>>();
    assert_eq!(numbers(&again), numbers(&first));
    assert_eq!(seqs(&backend, &topics[0]).await.len(), 2);
    // Twice in one call too.
    let twice = [entry(&backend, "c", &topics), entry(&backend, "c", &topics)];
    let appended = backend.ports().history.append(&twice).await.unwrap();
    assert_eq!((appended[0].repeated, appended[1].repeated), (false, true));
    assert_eq!(numbers(&appended[0]), numbers(&appended[1]));
}

/// Whoever writes at once (`docs/guarantees.md#no-holes-no-doubles`).
pub async fn concurrent_appends_leave_no_gaps_and_no_duplicates(backend: impl Backend) {
    let topics = [app("builds"), app("deploys")];
    let appending = (0..24).map(|number| {
        // Every third is a repeat of the one before.
        let id = format!("id-{}", number - usize::from(number % 3 == 2));
        let (backend, topics) = (&backend, &topics);
        async move { append(backend, &id, topics).await }
    });
    let all = join_all(appending).await;
    assert_eq!(all.iter().filter(|appended| appended.repeated).count(), 8);
    for topic in &topics {
        let kept = seqs(&backend, topic).await;
        assert_eq!(kept.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>());
        assert_eq!(kept.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), 16);
    }
}

/// A topic that nobody wrote to can be resumed.
pub async fn an_empty_topic_has_a_head(backend: impl Backend) {
    let topic = app("builds");
    let head = backend.ports().history.head(&topic).await.unwrap();
    assert_eq!((head.newest, head.watermark), (Seq(0), Seq(0)));
    let page = backend.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!((page.head, page.oldest, page.entries.len()), (head.clone(), Seq(1), 0));
    assert!(
        backend.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap().reaches_back_to(Seq(0))
    );
    append(&backend, "a", std::slice::from_ref(&topic)).await;
    assert_eq!(
        backend.ports().history.head(&topic).await.unwrap().epoch,
        head.epoch,
        "it began its life when first asked"
    );
}

/// `docs/guarantees.md#recovered`
pub async fn epochs_and_entries_survive_a_restart(backend: impl Backend) {
    let (topic, empty) = (app("builds"), app("empty"));
    append(&backend, "a", std::slice::from_ref(&topic)).await;
    let head = backend.ports().history.head(&topic).await.unwrap();
    let empty_head = backend.ports().history.head(&empty).await.unwrap();
    let backend = backend.reopened().await;
    assert_eq!(backend.ports().history.head(&topic).await.unwrap().epoch, head.epoch);
    assert_eq!(backend.ports().history.head(&empty).await.unwrap().epoch, empty_head.epoch);
    assert_eq!(append(&backend, "b", std::slice::from_ref(&topic)).await.positions[0].seq, Seq(2));
    assert!(append(&backend, "a", std::slice::from_ref(&topic)).await.repeated);
}

/// `docs/guarantees.md#delivered-watermark`
pub async fn the_watermark_reaches_delivered_entries_and_never_passes_ones_in_flight(backend: impl Backend) {
    let topic = app("builds");
    let mut positions = Vec::new();
    for id in ["a", "b", "c"] {
        let appended = append(&backend, id, std::slice::from_ref(&topic)).await;
        let here = &appended.positions[0];
        assert!(here.cursor.seq <= here.seq, "a cursor never runs ahead");
        positions.extend(appended.positions);
    }
    // Two notifiers may end in any order.
    backend.ports().history.mark_delivered(&positions[1..2]).await.unwrap();
    backend.ports().history.mark_delivered(&positions[2..]).await.unwrap();
    backend.ports().history.mark_delivered(&positions[..1]).await.unwrap();
    backend.ports().history.mark_delivered(&positions[..1]).await.unwrap();
    let head = backend.ports().history.head(&topic).await.unwrap();
    assert_eq!((head.newest, head.watermark), (Seq(3), Seq(3)));
    assert_eq!(append(&backend, "d", std::slice::from_ref(&topic)).await.positions[0].cursor.epoch, head.epoch);
}

/// Ascending from where one is.
pub async fn history_is_read_in_chunks(backend: impl Backend) {
    let topic = app("builds");
    for number in 1..=7 {
        append(&backend, &format!("id-{number}"), std::slice::from_ref(&topic)).await;
    }
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(Seq(0));
        let page = backend.ports().history.read(&topic, after, PageLimit::entries(3)).await.unwrap();
        if page.entries.is_empty() {
            break;
        }
        assert!(page.entries.len() <= 3 && page.head.newest == Seq(7) && page.oldest == Seq(1));
        seen.extend(page.entries.iter().map(|entry| entry.seq));
    }
    assert_eq!(seen, (1..=7).map(Seq).collect::<Vec<_>>());
}

/// Only what is both old and beyond the number that is kept (`docs/guarantees.md#recovered`).
pub async fn entries_that_are_recent_or_among_the_newest_are_kept(backend: impl Backend) {
    let (busy, quiet) = (app("busy"), app("quiet"));
    for number in 0..6 {
        append(&backend, &format!("busy-{number}"), std::slice::from_ref(&busy)).await;
    }
    append(&backend, "quiet", std::slice::from_ref(&quiet)).await;
    let epoch = backend.ports().history.head(&busy).await.unwrap().epoch;
    backend.clock().advance(TimeDelta::hours(25));
    append(&backend, "young", std::slice::from_ref(&busy)).await;
    let expiry = Expiry { before: backend.clock().now() - TimeDelta::hours(24), keep: 3, unused: DateTime::UNIX_EPOCH };
    assert_eq!(backend.ports().history.expire(expiry).await.unwrap(), 4);
    let page = backend.ports().history.read(&busy, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!((page.oldest, page.head.newest), (Seq(5), Seq(7)));
    assert!(page.reaches_back_to(Seq(4)) && !page.reaches_back_to(Seq(3)), "the gap is detectable");
    assert_eq!(page.head.epoch, epoch);
    assert_eq!(seqs(&backend, &quiet).await.len(), 1, "among its topic's newest");
    assert_eq!(backend.ports().history.expire(expiry).await.unwrap(), 0);
}

/// Its rows may be forgotten as well: whatever it has come to since, a cursor of then is not taken for one of now.
pub async fn a_recreated_topic_never_recovers_an_old_cursor(backend: impl Backend) {
    let (topic, other) = (app("builds"), app("other"));
    for number in 0..3 {
        append(&backend, &format!("old-{number}"), std::slice::from_ref(&topic)).await;
    }
    for number in 0..7 {
        append(&backend, &format!("other-{number}"), std::slice::from_ref(&other)).await;
    }
    let old = backend.ports().history.head(&topic).await.unwrap();
    backend.clock().advance(TimeDelta::hours(25));
    let expiry = Expiry { before: backend.clock().now(), keep: 0, unused: DateTime::UNIX_EPOCH };
    assert_eq!(backend.ports().history.expire(expiry).await.unwrap(), 10);
    for number in 0..5 {
        append(&backend, &format!("new-{number}"), std::slice::from_ref(&topic)).await;
    }
    // Whoever saw the last of then is shown all that came since, and nothing twice.
    let page = backend.ports().history.read(&topic, old.newest, PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.len(), 5);
    assert!(page.entries[0].seq > old.newest);
    // One from before the last of then is never.
    let before_last = page.head.epoch == old.epoch && page.reaches_back_to(Seq(1));
    assert!(!before_last);
    assert!(seqs(&backend, &topic).await.iter().is_sorted());
}

/// The watermark of a topic stays where it was when all its entries are forgotten.
pub async fn numbers_continue_after_everything_was_forgotten(backend: impl Backend) {
    let topic = app("builds");
    append(&backend, "a", std::slice::from_ref(&topic)).await;
    backend.clock().advance(TimeDelta::hours(25));
    let expiry = Expiry { before: backend.clock().now(), keep: 0, unused: DateTime::UNIX_EPOCH };
    assert_eq!(backend.ports().history.expire(expiry).await.unwrap(), 1);
    let page = backend.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!((page.oldest, page.head.newest, page.entries.len()), (Seq(2), Seq(1), 0));
    assert!(!page.reaches_back_to(Seq(0)) && page.reaches_back_to(Seq(1)));
    let backend = backend.reopened().await;
    assert_eq!(append(&backend, "b", std::slice::from_ref(&topic)).await.positions[0].seq, Seq(2));
}

/// With all that is on it, however few entries that are; to use it is to publish to it or to read it.
pub async fn an_unused_topic_is_deleted_and_its_cursors_are_never_recovered(backend: impl Backend) {
    let (quiet, read, published) = (app("quiet"), app("read"), app("published"));
    for topic in [&quiet, &read, &published] {
        for number in 0..3 {
            append(&backend, &format!("{topic}-{number}"), std::slice::from_ref(topic)).await;
        }
    }
    let history = &backend.ports().history;
    let old = history.head(&quiet).await.unwrap();
    let expire = async || {
        let now = backend.clock().now();
        let expiry = Expiry { before: now - TimeDelta::hours(24), keep: 10_000, unused: now - TimeDelta::days(30) };
        history.expire(expiry).await.unwrap()
    };
    backend.clock().advance(TimeDelta::days(20));
    assert_eq!(expire().await, 0);
    history.read(&read, Seq(0), PageLimit::entries(1)).await.unwrap();
    append(&backend, "again", std::slice::from_ref(&published)).await;
    assert_eq!(expire().await, 0);
    backend.clock().advance(TimeDelta::days(11));
    assert_eq!(expire().await, 3);
    assert_eq!((seqs(&backend, &read).await.len(), seqs(&backend, &published).await.len()), (3, 4));
    assert_eq!(expire().await, 0, "once");

    let backend = backend.reopened().await;
    for number in 0..5 {
        append(&backend, &format!("new-{number}"), std::slice::from_ref(&quiet)).await;
    }
    let page = backend.ports().history.read(&quiet, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.len(), 5, "what comes after is all there");
    for seq in 0..old.newest.0 {
        let recovered = page.head.epoch == old.epoch && page.reaches_back_to(Seq(seq));
        assert!(!recovered, "a cursor at {seq} has missed something");
    }
}
