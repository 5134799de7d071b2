//! [`labelcast_functions::ports::Connections`]: rows.

use chrono::TimeDelta;
use labelcast_functions::limits::TOKEN_GRACE;
use labelcast_functions::model::{Connection, ConnectionId, Topic, TopicKey};
use labelcast_functions::ports::{Added, Clock, MessageAllowed, Replacing, Subscribed};

use super::Backend;
use super::samples::{app, caller, connect, connection, connection_id, subscription};

async fn topics(backend: &impl Backend, id: &ConnectionId) -> Vec<String> {
    let found = backend.ports().connections.subscriptions(id).await.unwrap();
    let mut topics: Vec<String> = found.iter().map(|subscription| format!("{:?}", subscription.topic)).collect();
    topics.sort();
    topics
}

fn named(topics: &[TopicKey]) -> Vec<String> {
    let mut named: Vec<String> = topics.iter().map(|topic| format!("{topic:?}")).collect();
    named.sort();
    named
}

/// Who, with which groups, until when.
pub async fn a_connection_round_trips(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    assert_eq!(backend.ports().connections.get(&anna.id).await.unwrap(), Some(anna));
    assert_eq!(backend.ports().connections.get(&connection_id("unknown")).await.unwrap(), None);
}

/// Even if they race.
pub async fn the_connections_of_a_user_are_limited(backend: impl Backend) {
    let connections: Vec<Connection> = (0..6).map(|n| connection(&backend, &format!("a{n}"), "anna")).collect();
    let port = &backend.ports().connections;
    let added = futures_util::future::join_all(connections.iter().map(|connection| port.add(connection, 3))).await;
    let stored: Vec<&Connection> = added
        .into_iter()
        .zip(&connections)
        .filter(|(added, _)| *added.as_ref().unwrap() == Added::Stored)
        .map(|(_, connection)| connection)
        .collect();
    assert_eq!(stored.len(), 3);
    assert_eq!(port.add(&connection(&backend, "b", "bert"), 3).await.unwrap(), Added::Stored, "others may go on");
    assert!(port.remove(stored[0]).await.unwrap());
    assert_eq!(port.add(&connection(&backend, "late", "anna"), 3).await.unwrap(), Added::Stored, "one went");
}

/// `docs/guarantees.md#a-late-clean-up-ends-no-new-session`
pub async fn a_late_cleanup_does_not_remove_a_new_session(backend: impl Backend) {
    let old = connect(&backend, "a1", "anna").await;
    assert!(backend.ports().connections.remove(&old).await.unwrap());
    backend.clock().advance(TimeDelta::seconds(1));
    let new = connect(&backend, "a1", "anna").await;
    assert!(!backend.ports().connections.remove(&old).await.unwrap(), "it is not the one that was read");
    assert_eq!(backend.ports().connections.get(&new.id).await.unwrap(), Some(new));
}

/// And with it what hangs on it.
pub async fn a_removed_connection_has_no_subscriptions(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let builds = subscription(&anna, app("builds"), None);
    let subscribe =
        |replacing| backend.ports().connections.subscribe(&anna.id, std::slice::from_ref(&builds), replacing, 10);
    assert_eq!(subscribe(Replacing::Same).await.unwrap(), Subscribed::Stored);
    assert!(backend.ports().connections.remove(&anna).await.unwrap());
    assert_eq!(topics(&backend, &anna.id).await, named(&[]));
    assert_eq!(subscribe(Replacing::Same).await.unwrap(), Subscribed::Gone);
    assert!(!backend.ports().connections.remove(&anna).await.unwrap());
    assert!(!backend.ports().connections.refresh(&anna.id, &anna.caller, &[]).await.unwrap());
}

/// A token bucket: twice the rate at once, and the rate from then on.
pub async fn messages_beyond_the_rate_are_refused(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let now = backend.clock().now();
    let message = async |now| backend.ports().connections.on_message(&anna.id, 2, now).await.unwrap().unwrap();
    for _ in 0..4 {
        assert_eq!(message(now).await, (anna.clone(), MessageAllowed::Yes));
    }
    assert_eq!(message(now).await.1, MessageAllowed::RateLimited);
    backend.clock().advance(TimeDelta::seconds(1));
    let later = backend.clock().now();
    assert_eq!(message(later).await.1, MessageAllowed::Yes);
    assert_eq!(message(later).await.1, MessageAllowed::Yes);
    assert_eq!(message(later).await.1, MessageAllowed::RateLimited);
    let unknown = backend.ports().connections.on_message(&connection_id("unknown"), 2, now).await.unwrap();
    assert_eq!(unknown, None);
}

/// Once a second it is said, and whoever goes on is closed.
pub async fn a_flood_is_warned_once_a_second_and_then_closed(backend: impl Backend) {
    use MessageAllowed::{Flooding, Ignored, RateLimited, Yes};
    let (anna, bert) = (connect(&backend, "a1", "anna").await, connect(&backend, "b1", "bert").await);
    let message = async |of: &Connection| {
        let counted = backend.ports().connections.on_message(&of.id, 2, backend.clock().now()).await.unwrap();
        counted.map(|(_, allowed)| allowed)
    };
    let mut responses = Vec::new();
    for second in 0..6 {
        for _ in 0..6 {
            responses.extend(message(&anna).await);
        }
        assert_eq!(message(&bert).await, Some(Yes), "second {second}: others are not concerned");
        backend.clock().advance(TimeDelta::seconds(1));
    }
    let mut expected = vec![Yes, Yes, Yes, Yes, RateLimited, Ignored];
    for _ in 1..5 {
        expected.extend([Yes, Yes, RateLimited, Ignored, Ignored, Ignored]);
    }
    expected.extend([Yes, Yes, Flooding, Flooding, Flooding, Flooding]);
    assert_eq!(responses, expected);

    backend.clock().advance(TimeDelta::seconds(11));
    let mut responses = Vec::new();
    for _ in 0..80 {
        responses.extend(message(&anna).await);
    }
    let count = |what| responses.iter().filter(|response| **response == what).count();
    assert_eq!((count(Yes), count(RateLimited), count(Ignored)), (4, 1, 40), "and who slowed down begins anew");
    assert_eq!(responses.last(), Some(&Flooding), "a flood is closed within its first second");
}

/// `docs/guarantees.md#a-request-is-one-change`
pub async fn a_connection_has_at_most_one_subscription_per_topic(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let port = &backend.ports().connections;
    let labels = TopicKey::Shared(Topic::Labels);
    for filter in ["dog", "cat"] {
        let request = [subscription(&anna, labels.clone(), Some(filter)), subscription(&anna, app("builds"), None)];
        assert_eq!(port.subscribe(&anna.id, &request, Replacing::Same, 10).await.unwrap(), Subscribed::Stored);
    }
    let found = port.subscriptions(&anna.id).await.unwrap();
    assert_eq!(found.len(), 2);
    let filter = found.iter().find(|found| found.topic == labels).and_then(|found| found.filter.clone());
    assert_eq!(filter, subscription(&anna, labels, Some("cat")).filter, "the last one counts");
}

/// `set_notify_list`.
pub async fn replacing_all_subscriptions_ends_the_ones_not_named(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let port = &backend.ports().connections;
    let request = |names: &[&str]| names.iter().map(|name| subscription(&anna, app(name), None)).collect::<Vec<_>>();
    port.subscribe(&anna.id, &request(&["a", "b"]), Replacing::Same, 10).await.unwrap();
    port.subscribe(&anna.id, &request(&["b", "c"]), Replacing::All, 10).await.unwrap();
    assert_eq!(topics(&backend, &anna.id).await, named(&[app("b"), app("c")]));
    port.subscribe(&anna.id, &[], Replacing::All, 10).await.unwrap();
    assert_eq!(topics(&backend, &anna.id).await, named(&[]));
}

/// Nothing changes then.
pub async fn too_many_subscriptions_are_refused_as_a_whole(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let port = &backend.ports().connections;
    let request = |names: &[&str]| names.iter().map(|name| subscription(&anna, app(name), None)).collect::<Vec<_>>();
    assert_eq!(port.subscribe(&anna.id, &request(&["a", "b"]), Replacing::Same, 3).await.unwrap(), Subscribed::Stored);
    let refused = port.subscribe(&anna.id, &request(&["c", "d"]), Replacing::Same, 3).await.unwrap();
    assert_eq!(refused, Subscribed::TooMany);
    assert_eq!(topics(&backend, &anna.id).await, named(&[app("a"), app("b")]));
    // Those that are there count once.
    assert_eq!(port.subscribe(&anna.id, &request(&["b", "c"]), Replacing::Same, 3).await.unwrap(), Subscribed::Stored);
    let all = port.subscribe(&anna.id, &request(&["w", "x", "y", "z"]), Replacing::All, 3).await.unwrap();
    assert_eq!(all, Subscribed::TooMany);
    assert_eq!(topics(&backend, &anna.id).await.len(), 3);
}

/// Those that are not there are fine.
pub async fn ended_subscriptions_are_gone(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let port = &backend.ports().connections;
    let request = ["a", "b"].map(|name| subscription(&anna, app(name), None));
    port.subscribe(&anna.id, &request, Replacing::Same, 10).await.unwrap();
    port.unsubscribe(&anna.id, &[app("a"), app("unknown")]).await.unwrap();
    assert_eq!(topics(&backend, &anna.id).await, named(&[app("b")]));
}

/// In the row and in what hangs on it (`docs/guarantees.md#the-connections-row-rules`).
pub async fn a_refresh_updates_the_caller(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let port = &backend.ports().connections;
    let request = ["a", "b"].map(|name| subscription(&anna, app(name), None));
    port.subscribe(&anna.id, &request, Replacing::Same, 10).await.unwrap();
    let mut longer = caller(&backend, "anna");
    longer.expires_at += TimeDelta::hours(1);
    let dropped: Topic = "app:a".parse().unwrap();
    assert!(port.refresh(&anna.id, &longer, &[dropped]).await.unwrap());
    assert_eq!(port.get(&anna.id).await.unwrap().unwrap().caller, longer);
    let left = port.subscriptions(&anna.id).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].topic, &*left[0].caller), (&app("b"), &longer));
}

/// Found when the grace is over, and not before (`docs/guarantees.md#nobody-sees-what-is-not-theirs`).
pub async fn connections_past_their_grace_are_found(backend: impl Backend) {
    let anna = connect(&backend, "a1", "anna").await;
    let expiry = anna.caller.expires_at;
    let port = &backend.ports().connections;
    let grace = TOKEN_GRACE;
    assert!(port.expired(expiry + grace, 10).await.unwrap().is_empty(), "within its grace");
    let over = expiry + grace + TimeDelta::seconds(1);
    assert_eq!(port.expired(over, 10).await.unwrap(), std::slice::from_ref(&anna));
    let mut longer = anna.caller.clone();
    longer.expires_at += TimeDelta::hours(1);
    port.refresh(&anna.id, &longer, &[]).await.unwrap();
    assert!(port.expired(over, 10).await.unwrap().is_empty(), "it has a new token");
    for number in 0..3 {
        connect(&backend, &format!("b{number}"), "bert").await;
    }
    assert_eq!(port.expired(over, 2).await.unwrap().len(), 2, "at most as many as asked for");
}
