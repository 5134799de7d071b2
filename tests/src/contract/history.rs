//! [`labelcast_functions::ports::History`]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use labelcast_functions::model::{Notification, NotificationId, Seq, Subject, TopicKey};
use labelcast_functions::ports::{Appended, Clock, Expiry, NewEntry, PageLimit};
use serde_json::json;

use super::Home;
use super::samples::{app, user};

fn entry(home: &impl Home, id: &str, topics: &[TopicKey]) -> NewEntry {
    let subject = Subject::Published { name: "build.done".to_owned(), data: json!({"id": id, "text": "ä\u{1f600}"}) };
    let notification = Notification { id: NotificationId::given(id), at: home.clock().now(), subject };
    NewEntry { notification, topics: topics.to_vec() }
}

async fn append(home: &impl Home, id: &str, topics: &[TopicKey]) -> Appended {
    let mut appended = home.ports().history.append(&[entry(home, id, topics)]).await.unwrap();
    assert_eq!(appended.len(), 1);
    appended.remove(0)
}

async fn seqs(home: &impl Home, topic: &TopicKey) -> Vec<(u64, String)> {
    let page = home.ports().history.read(topic, Seq(0), PageLimit::entries(1_000)).await.unwrap();
    page.entries.into_iter().map(|entry| (entry.seq.0, entry.notification.id.to_string())).collect()
}

/// From 1, on every topic, as one.
pub async fn entries_are_numbered_without_holes(home: impl Home) {
    let (builds, deploys) = (app("builds"), app("deploys"));
    let first = append(&home, "a", &[builds.clone(), deploys.clone()]).await;
    let second = append(&home, "b", std::slice::from_ref(&builds)).await;
    assert!(!first.repeated && !second.repeated);
    let placed: Vec<_> = first.placed.iter().map(|placed| (placed.topic.clone(), placed.seq)).collect();
    assert_eq!(placed, [(builds.clone(), Seq(1)), (deploys.clone(), Seq(1))], "in the order asked");
    assert_eq!(second.placed[0].seq, Seq(2));
    assert_eq!(seqs(&home, &builds).await, [(1, "a".to_owned()), (2, "b".to_owned())]);
    assert_eq!(seqs(&home, &deploys).await, [(1, "a".to_owned())]);
}

/// Byte for byte.
pub async fn an_entry_is_read_as_it_was_appended(home: impl Home) {
    let topic = TopicKey::Uploads(user("anna"));
    let asked = entry(&home, "a", std::slice::from_ref(&topic));
    home.ports().history.append(std::slice::from_ref(&asked)).await.unwrap();
    let page = home.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries[0].notification, asked.notification);
    assert_eq!(seqs(&home, &TopicKey::Uploads(user("bert"))).await, [], "everybody's uploads are their own");
}

/// An id that exists keeps its number (`docs/guarantees.md#no-holes-no-doubles`).
pub async fn a_repeat_keeps_its_number_and_adds_nothing(home: impl Home) {
    let topics = [app("builds"), app("deploys")];
    let first = append(&home, "a", &topics).await;
    append(&home, "b", &topics).await;
    let again = append(&home, "a", &topics).await;
    assert!(again.repeated);
    let numbers = |appended: &Appended| appended.placed.iter().map(|placed| placed.seq).collect::<Vec<_>>();
    assert_eq!(numbers(&again), numbers(&first));
    assert_eq!(seqs(&home, &topics[0]).await.len(), 2);
    // Twice in one call too.
    let twice = [entry(&home, "c", &topics), entry(&home, "c", &topics)];
    let appended = home.ports().history.append(&twice).await.unwrap();
    assert_eq!((appended[0].repeated, appended[1].repeated), (false, true));
    assert_eq!(numbers(&appended[0]), numbers(&appended[1]));
}

/// Whoever writes at once (`docs/guarantees.md#no-holes-no-doubles`).
pub async fn appending_at_once_leaves_no_holes_and_no_doubles(home: impl Home) {
    let topics = [app("builds"), app("deploys")];
    let appending = (0..24).map(|number| {
        // Every third is a repeat of the one before.
        let id = format!("id-{}", number - usize::from(number % 3 == 2));
        let (home, topics) = (&home, &topics);
        async move { append(home, &id, topics).await }
    });
    let all = join_all(appending).await;
    assert_eq!(all.iter().filter(|appended| appended.repeated).count(), 8);
    for topic in &topics {
        let kept = seqs(&home, topic).await;
        assert_eq!(kept.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>());
        assert_eq!(kept.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), 16);
    }
}

/// A topic that nobody wrote to can be resumed.
pub async fn an_empty_topic_has_a_head(home: impl Home) {
    let topic = app("builds");
    let head = home.ports().history.head(&topic).await.unwrap();
    assert_eq!((head.newest, head.settled), (Seq(0), Seq(0)));
    let page = home.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!((page.head, page.oldest, page.entries.len()), (head.clone(), Seq(1), 0));
    assert!(home.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap().reaches_back_to(Seq(0)));
    append(&home, "a", std::slice::from_ref(&topic)).await;
    assert_eq!(
        home.ports().history.head(&topic).await.unwrap().epoch,
        head.epoch,
        "it began its life when first asked"
    );
}

/// `docs/guarantees.md#recovered`
pub async fn epochs_and_entries_survive_a_restart(home: impl Home) {
    let (topic, empty) = (app("builds"), app("empty"));
    append(&home, "a", std::slice::from_ref(&topic)).await;
    let head = home.ports().history.head(&topic).await.unwrap();
    let empty_head = home.ports().history.head(&empty).await.unwrap();
    let home = home.reopened().await;
    assert_eq!(home.ports().history.head(&topic).await.unwrap().epoch, head.epoch);
    assert_eq!(home.ports().history.head(&empty).await.unwrap().epoch, empty_head.epoch);
    assert_eq!(append(&home, "b", std::slice::from_ref(&topic)).await.placed[0].seq, Seq(2));
    assert!(append(&home, "a", std::slice::from_ref(&topic)).await.repeated);
}

/// `docs/guarantees.md#delivered-watermark`
pub async fn the_mark_reaches_what_is_settled_and_never_passes_what_is_written(home: impl Home) {
    let topic = app("builds");
    let mut placed = Vec::new();
    for id in ["a", "b", "c"] {
        let appended = append(&home, id, std::slice::from_ref(&topic)).await;
        let here = &appended.placed[0];
        assert!(here.cursor.seq <= here.seq, "a cursor never runs ahead");
        placed.extend(appended.placed);
    }
    // Two notifiers may end in any order.
    home.ports().history.settle(&placed[1..2]).await.unwrap();
    home.ports().history.settle(&placed[2..]).await.unwrap();
    home.ports().history.settle(&placed[..1]).await.unwrap();
    home.ports().history.settle(&placed[..1]).await.unwrap();
    let head = home.ports().history.head(&topic).await.unwrap();
    assert_eq!((head.newest, head.settled), (Seq(3), Seq(3)));
    assert_eq!(append(&home, "d", std::slice::from_ref(&topic)).await.placed[0].cursor.epoch, head.epoch);
}

/// Ascending from where one is.
pub async fn history_is_read_in_parts(home: impl Home) {
    let topic = app("builds");
    for number in 1..=7 {
        append(&home, &format!("id-{number}"), std::slice::from_ref(&topic)).await;
    }
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(Seq(0));
        let page = home.ports().history.read(&topic, after, PageLimit::entries(3)).await.unwrap();
        if page.entries.is_empty() {
            break;
        }
        assert!(page.entries.len() <= 3 && page.head.newest == Seq(7) && page.oldest == Seq(1));
        seen.extend(page.entries.iter().map(|entry| entry.seq));
    }
    assert_eq!(seen, (1..=7).map(Seq).collect::<Vec<_>>());
}

/// Only what is both old and beyond the number that is kept (`docs/guarantees.md#recovered`).
pub async fn what_is_young_or_among_the_newest_is_kept(home: impl Home) {
    let (busy, quiet) = (app("busy"), app("quiet"));
    for number in 0..6 {
        append(&home, &format!("busy-{number}"), std::slice::from_ref(&busy)).await;
    }
    append(&home, "quiet", std::slice::from_ref(&quiet)).await;
    let epoch = home.ports().history.head(&busy).await.unwrap().epoch;
    home.clock().advance(TimeDelta::hours(25));
    append(&home, "young", std::slice::from_ref(&busy)).await;
    let expiry = Expiry { before: home.clock().now() - TimeDelta::hours(24), keep: 3, unused: DateTime::UNIX_EPOCH };
    assert_eq!(home.ports().history.expire(expiry).await.unwrap(), 4);
    let page = home.ports().history.read(&busy, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!((page.oldest, page.head.newest), (Seq(5), Seq(7)));
    assert!(page.reaches_back_to(Seq(4)) && !page.reaches_back_to(Seq(3)), "the gap can be told");
    assert_eq!(page.head.epoch, epoch);
    assert_eq!(seqs(&home, &quiet).await.len(), 1, "among its topic's newest");
    assert_eq!(home.ports().history.expire(expiry).await.unwrap(), 0);
}

/// Its rows may be forgotten as well: whatever it has come to since, a cursor of then is not taken for one of now.
pub async fn a_topic_that_comes_back_calls_no_old_cursor_recovered(home: impl Home) {
    let (topic, other) = (app("builds"), app("other"));
    for number in 0..3 {
        append(&home, &format!("old-{number}"), std::slice::from_ref(&topic)).await;
    }
    for number in 0..7 {
        append(&home, &format!("other-{number}"), std::slice::from_ref(&other)).await;
    }
    let old = home.ports().history.head(&topic).await.unwrap();
    home.clock().advance(TimeDelta::hours(25));
    let expiry = Expiry { before: home.clock().now(), keep: 0, unused: DateTime::UNIX_EPOCH };
    assert_eq!(home.ports().history.expire(expiry).await.unwrap(), 10);
    for number in 0..5 {
        append(&home, &format!("new-{number}"), std::slice::from_ref(&topic)).await;
    }
    // Whoever saw the last of then is shown all that came since, and nothing twice.
    let page = home.ports().history.read(&topic, old.newest, PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.len(), 5);
    assert!(page.entries[0].seq > old.newest);
    // One from before the last of then is never.
    let before_last = page.head.epoch == old.epoch && page.reaches_back_to(Seq(1));
    assert!(!before_last);
    assert!(seqs(&home, &topic).await.iter().is_sorted());
}

/// The mark of a topic whose every entry is forgotten stays where it was.
pub async fn numbers_go_on_after_everything_was_forgotten(home: impl Home) {
    let topic = app("builds");
    append(&home, "a", std::slice::from_ref(&topic)).await;
    home.clock().advance(TimeDelta::hours(25));
    let expiry = Expiry { before: home.clock().now(), keep: 0, unused: DateTime::UNIX_EPOCH };
    assert_eq!(home.ports().history.expire(expiry).await.unwrap(), 1);
    let page = home.ports().history.read(&topic, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!((page.oldest, page.head.newest, page.entries.len()), (Seq(2), Seq(1), 0));
    assert!(!page.reaches_back_to(Seq(0)) && page.reaches_back_to(Seq(1)));
    let home = home.reopened().await;
    assert_eq!(append(&home, "b", std::slice::from_ref(&topic)).await.placed[0].seq, Seq(2));
}

/// With all that is on it, however few entries that are; to use it is to publish to it or to read it.
pub async fn a_topic_that_nobody_uses_goes_and_no_cursor_of_it_is_recovered(home: impl Home) {
    let (quiet, read, published) = (app("quiet"), app("read"), app("published"));
    for topic in [&quiet, &read, &published] {
        for number in 0..3 {
            append(&home, &format!("{topic}-{number}"), std::slice::from_ref(topic)).await;
        }
    }
    let history = &home.ports().history;
    let old = history.head(&quiet).await.unwrap();
    let expire = async || {
        let now = home.clock().now();
        let expiry = Expiry { before: now - TimeDelta::hours(24), keep: 10_000, unused: now - TimeDelta::days(30) };
        history.expire(expiry).await.unwrap()
    };
    home.clock().advance(TimeDelta::days(20));
    assert_eq!(expire().await, 0);
    history.read(&read, Seq(0), PageLimit::entries(1)).await.unwrap();
    append(&home, "again", std::slice::from_ref(&published)).await;
    assert_eq!(expire().await, 0);
    home.clock().advance(TimeDelta::days(11));
    assert_eq!(expire().await, 3);
    assert_eq!((seqs(&home, &read).await.len(), seqs(&home, &published).await.len()), (3, 4));
    assert_eq!(expire().await, 0, "once");

    let home = home.reopened().await;
    for number in 0..5 {
        append(&home, &format!("new-{number}"), std::slice::from_ref(&quiet)).await;
    }
    let page = home.ports().history.read(&quiet, Seq(0), PageLimit::entries(10)).await.unwrap();
    assert_eq!(page.entries.len(), 5, "what comes after is all there");
    for seq in 0..old.newest.0 {
        let recovered = page.head.epoch == old.epoch && page.reaches_back_to(Seq(seq));
        assert!(!recovered, "a cursor at {seq} has missed something");
    }
}
