//! Rule 19: guessing is slow, and tells nothing.

use std::collections::HashMap;

use chrono::Duration;
use reqwest::StatusCode;

use super::Site;

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_told_in_the_same_words() {
    let site = Site::open().await;
    let mut told = Vec::new();
    for user in ["ada", "nobody", "no name at all", ""] {
        let answer = site.log_in(user, "wrong password", "192.0.2.1").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let page = answer.text().await.unwrap();
        let words = page.split("role=\"alert\">").nth(1).unwrap().split('<').next().unwrap();
        told.push(words.to_owned());
    }
    assert!(told.iter().all(|words| words == "The user name or the password is wrong."), "{told:?}");
}

#[tokio::test]
async fn guessing_a_password_is_slowed_even_when_all_guesses_come_at_once() {
    let site = Site::open().await;
    let addresses: Vec<_> = (0..40).map(|n| format!("198.51.100.{n}")).collect();
    let guesses = addresses.iter().map(|address| site.log_in("ada", "wrong password", address));
    let mut answers = HashMap::new();
    for answer in futures_util::future::join_all(guesses).await {
        *answers.entry(answer.status()).or_insert(0) += 1;
    }
    let expected = HashMap::from([(StatusCode::UNAUTHORIZED, 5), (StatusCode::TOO_MANY_REQUESTS, 35)]);
    assert_eq!(answers, expected);

    let slowed = site.log_in("ada", "correct horse ada", "192.0.2.1").await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.headers().contains_key("retry-after"));
    assert_eq!(site.log_in("bob", "correct horse bob", "192.0.2.1").await.status(), StatusCode::FOUND);
    site.pass(Duration::seconds(3));
    assert_eq!(site.log_in("ada", "correct horse ada", "192.0.2.1").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_slowed_by_what_the_proxy_saw_not_by_what_it_claims() {
    let site = Site::open().await;
    for n in 0..20 {
        let claimed = format!("203.0.113.{n}, 192.0.2.7");
        let answer = site.log_in(&format!("user{n}"), "wrong password", &claimed).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = site.log_in("ada", "correct horse ada", "203.0.113.99, 192.0.2.7").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.log_in("ada", "correct horse ada", "192.0.2.8").await.status(), StatusCode::FOUND);
}
