//! [`labelcast_functions::ports::Idempotency`]

use chrono::TimeDelta;
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Claimed, Clock, IdempotencyClaim};

use super::Backend;

fn program(name: &str) -> Name {
    name.parse().expect("a plain word is a name")
}

fn claim(api_key: &str, key: &str, request: u8, id: &str) -> IdempotencyClaim {
    IdempotencyClaim { api_key: program(api_key), key: key.to_owned(), request: [request; 32], id: id.to_owned() }
}

async fn claimed(backend: &impl Backend, request: &IdempotencyClaim) -> Claimed {
    backend.ports().idempotency.claim(request, backend.clock().now()).await.unwrap()
}

/// The id is that of the first, whatever the second would have been given.
pub async fn a_repeated_request_gets_the_first_id(backend: impl Backend) {
    assert_eq!(claimed(&backend, &claim("ci", "k", 1, "first")).await, Claimed::First);
    let again = claimed(&backend, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// A crash between the claim and what was asked must not lose it.
pub async fn a_repeated_request_learns_whether_the_first_completed(backend: impl Backend) {
    claimed(&backend, &claim("ci", "k", 1, "first")).await;
    backend.ports().idempotency.done(&program("ci"), "k").await.unwrap();
    let again = claimed(&backend, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: true });
}

/// And the first claim stands.
pub async fn reusing_a_key_for_another_request_is_a_conflict(backend: impl Backend) {
    claimed(&backend, &claim("ci", "k", 1, "first")).await;
    assert_eq!(claimed(&backend, &claim("ci", "k", 2, "second")).await, Claimed::Conflict);
    let again = claimed(&backend, &claim("ci", "k", 1, "third")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// Neither the claim nor its being done.
pub async fn two_programs_do_not_share_keys(backend: impl Backend) {
    claimed(&backend, &claim("ci", "k", 1, "first")).await;
    assert_eq!(claimed(&backend, &claim("cron", "k", 2, "other")).await, Claimed::First);
    backend.ports().idempotency.done(&program("cron"), "k").await.unwrap();
    let again = claimed(&backend, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// A day to the second, whether it was tidied up or not.
pub async fn a_claim_is_valid_for_24_hours(backend: impl Backend) {
    claimed(&backend, &claim("ci", "k", 1, "first")).await;
    backend.ports().idempotency.done(&program("ci"), "k").await.unwrap();
    backend.clock().advance(TimeDelta::hours(24));
    let again = claimed(&backend, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: true });
    backend.clock().advance(TimeDelta::seconds(1));
    assert_eq!(claimed(&backend, &claim("ci", "k", 2, "third")).await, Claimed::First, "for whatever it is used now");
    let again = claimed(&backend, &claim("ci", "k", 2, "fourth")).await;
    assert_eq!(again, Claimed::Again { id: "third".to_owned(), done: false });
}

/// No younger claim is among them.
pub async fn only_claims_older_than_24_hours_are_forgotten(backend: impl Backend) {
    claimed(&backend, &claim("ci", "old", 1, "first")).await;
    backend.clock().advance(TimeDelta::hours(1));
    claimed(&backend, &claim("ci", "young", 1, "second")).await;
    backend.clock().advance(TimeDelta::hours(23) + TimeDelta::seconds(1));
    // A backend may leave it to its database, which comes to it later.
    assert!(backend.ports().idempotency.expire(backend.clock().now()).await.unwrap() <= 1);
    let young = claimed(&backend, &claim("ci", "young", 1, "third")).await;
    assert_eq!(young, Claimed::Again { id: "second".to_owned(), done: false });
}

/// A claim is durable on return.
pub async fn a_claim_survives_a_restart(backend: impl Backend) {
    claimed(&backend, &claim("ci", "k", 1, "first")).await;
    let backend = backend.reopened().await;
    let again = claimed(&backend, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// Exactly one of them is to do it first.
pub async fn only_one_of_several_concurrent_claims_is_first(backend: impl Backend) {
    let claims: Vec<_> = (0..20).map(|n| claim("ci", "k", 1, &format!("id-{n}"))).collect();
    let responses = futures_util::future::join_all(claims.iter().map(|request| claimed(&backend, request))).await;
    let winner = responses.iter().position(|response| *response == Claimed::First).expect("one was first");
    for (place, response) in responses.into_iter().enumerate() {
        let expected = Claimed::Again { id: format!("id-{winner}"), done: false };
        assert!(place == winner || response == expected, "{response:?}");
    }
}
