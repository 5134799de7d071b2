//! [`labelcast_functions::ports::Idempotency`]

use chrono::TimeDelta;
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Claimed, Clock, IdempotencyClaim};

use super::Home;

fn program(name: &str) -> Name {
    name.parse().expect("a plain word is a name")
}

fn claim(api_key: &str, key: &str, request: u8, id: &str) -> IdempotencyClaim {
    IdempotencyClaim { api_key: program(api_key), key: key.to_owned(), request: [request; 32], id: id.to_owned() }
}

async fn claimed(home: &impl Home, asked: &IdempotencyClaim) -> Claimed {
    home.ports().idempotency.claim(asked, home.clock().now()).await.unwrap()
}

/// The id is that of the first, whatever the second would have been given.
pub async fn a_repeat_gets_the_first_id(home: impl Home) {
    assert_eq!(claimed(&home, &claim("ci", "k", 1, "first")).await, Claimed::First);
    let again = claimed(&home, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// A crash between the claim and what was asked must not lose it.
pub async fn a_repeat_tells_whether_the_first_was_done(home: impl Home) {
    claimed(&home, &claim("ci", "k", 1, "first")).await;
    home.ports().idempotency.done(&program("ci"), "k").await.unwrap();
    let again = claimed(&home, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: true });
}

/// And the first claim stands.
pub async fn the_same_key_for_something_else_is_a_conflict(home: impl Home) {
    claimed(&home, &claim("ci", "k", 1, "first")).await;
    assert_eq!(claimed(&home, &claim("ci", "k", 2, "second")).await, Claimed::Conflict);
    let again = claimed(&home, &claim("ci", "k", 1, "third")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// Neither the claim nor its being done.
pub async fn two_programs_do_not_share_keys(home: impl Home) {
    claimed(&home, &claim("ci", "k", 1, "first")).await;
    assert_eq!(claimed(&home, &claim("cron", "k", 2, "other")).await, Claimed::First);
    home.ports().idempotency.done(&program("cron"), "k").await.unwrap();
    let again = claimed(&home, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// A day to the second, whether it was tidied up or not.
pub async fn a_claim_counts_for_24_hours(home: impl Home) {
    claimed(&home, &claim("ci", "k", 1, "first")).await;
    home.ports().idempotency.done(&program("ci"), "k").await.unwrap();
    home.clock().advance(TimeDelta::hours(24));
    let again = claimed(&home, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: true });
    home.clock().advance(TimeDelta::seconds(1));
    assert_eq!(claimed(&home, &claim("ci", "k", 2, "third")).await, Claimed::First, "for whatever it is used now");
    let again = claimed(&home, &claim("ci", "k", 2, "fourth")).await;
    assert_eq!(again, Claimed::Again { id: "third".to_owned(), done: false });
}

/// No younger claim is among them.
pub async fn only_claims_older_than_24_hours_are_forgotten(home: impl Home) {
    claimed(&home, &claim("ci", "old", 1, "first")).await;
    home.clock().advance(TimeDelta::hours(1));
    claimed(&home, &claim("ci", "young", 1, "second")).await;
    home.clock().advance(TimeDelta::hours(23) + TimeDelta::seconds(1));
    // A home may leave it to its database, which comes to it later.
    assert!(home.ports().idempotency.expire(home.clock().now()).await.unwrap() <= 1);
    let young = claimed(&home, &claim("ci", "young", 1, "third")).await;
    assert_eq!(young, Claimed::Again { id: "second".to_owned(), done: false });
}

/// A claim is durable when answered.
pub async fn a_claim_outlives_a_restart(home: impl Home) {
    claimed(&home, &claim("ci", "k", 1, "first")).await;
    let home = home.reopened().await;
    let again = claimed(&home, &claim("ci", "k", 1, "second")).await;
    assert_eq!(again, Claimed::Again { id: "first".to_owned(), done: false });
}

/// Exactly one of them is to do it first.
pub async fn of_claims_at_once_one_is_first(home: impl Home) {
    let claims: Vec<_> = (0..20).map(|n| claim("ci", "k", 1, &format!("id-{n}"))).collect();
    let answers = futures_util::future::join_all(claims.iter().map(|asked| claimed(&home, asked))).await;
    let winner = answers.iter().position(|answer| *answer == Claimed::First).expect("one was first");
    for (place, answer) in answers.into_iter().enumerate() {
        let expected = Claimed::Again { id: format!("id-{winner}"), done: false };
        assert!(place == winner || answer == expected, "{answer:?}");
    }
}
