//! Guessing is slow and reveals nothing (`docs/guarantees.md#guessing-is-slowed-down`).

use std::collections::HashMap;

use chrono::Duration;
use reqwest::StatusCode;

use super::Site;

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_message() {
    let site = Site::open().await;
    let mut reported = Vec::new();
    for user in ["ada", "nobody", "no name at all", ""] {
        let response = site.log_in(user, "wrong password", "192.0.2.1").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let page = response.text().await.unwrap();
        let words = page.split("role=\"alert\">").nth(1).unwrap().split('<').next().unwrap();
        reported.push(words.to_owned());
    }
    assert!(reported.iter().all(|words| words == "Wrong user name or password."), "{reported:?}");
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_even_if_all_guesses_are_concurrent() {
    let site = Site::open().await;
    let addresses: Vec<_> = (0..40).map(|n| format!("198.51.100.{n}")).collect();
    let guesses = addresses.iter().map(|address| site.log_in("ada", "wrong password", address));
    let mut responses = HashMap::new();
    for response in futures_util::future::join_all(guesses).await {
        *responses.entry(response.status()).or_insert(0) += 1;
    }
    let expected = HashMap::from([(StatusCode::UNAUTHORIZED, 5), (StatusCode::TOO_MANY_REQUESTS, 35)]);
    assert_eq!(responses, expected);

    let slowed = site.log_in("ada", "correct horse ada", "192.0.2.1").await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.headers().contains_key("retry-after"));
    assert_eq!(site.log_in("bob", "correct horse bob", "192.0.2.1").await.status(), StatusCode::FOUND);
    site.pass(Duration::seconds(3));
    assert_eq!(site.log_in("ada", "correct horse ada", "192.0.2.1").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_address_trying_many_names_is_slowed_down_by_the_proxys_view_of_it_not_its_own_claim() {
    let site = Site::open().await;
    for n in 0..20 {
        let claimed = format!("203.0.113.{n}, 192.0.2.7");
        let response = site.log_in(&format!("user{n}"), "wrong password", &claimed).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let response = site.log_in("ada", "correct horse ada", "203.0.113.99, 192.0.2.7").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.log_in("ada", "correct horse ada", "192.0.2.8").await.status(), StatusCode::FOUND);
}

/// The cookie by which a browser is known in which somebody signed in before.
async fn device_of(site: &Site, user: &str) -> String {
    let response = site.log_in(user, &format!("correct horse {user}"), "192.0.2.1").await;
    let cookies = super::set_cookies(&response);
    let (name, value) = cookies.iter().find(|(name, _)| name.contains("device")).unwrap();
    format!("{name}={value}")
}

#[tokio::test]
async fn wrong_passwords_from_many_addresses_do_not_lock_out_a_known_browser() {
    let site = Site::open().await;
    let (ada, bob) = (device_of(&site, "ada").await, device_of(&site, "bob").await);
    for n in 0..40 {
        site.log_in("ada", "wrong password", &format!("198.51.100.{n}")).await;
    }
    let from = ("x-forwarded-for", "192.0.2.9");
    let password = "correct horse ada";
    assert_eq!(site.log_in_with("ada", password, &[from]).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let others = site.log_in_with("ada", password, &[from, ("cookie", &bob)]).await;
    assert_eq!(others.status(), StatusCode::TOO_MANY_REQUESTS, "a browser of another user is not known");
    let again = site.log_in_with("ada", password, &[from, ("cookie", &ada)]).await;
    assert_eq!(again.status(), StatusCode::FOUND);
    // The address of the attack does not matter either: they may share one.
    let shared = ("x-forwarded-for", "198.51.100.1");
    assert_eq!(site.log_in_with("ada", password, &[shared, ("cookie", &ada)]).await.status(), StatusCode::FOUND);
    // And the attack goes on being slowed down.
    let guess = site.log_in("ada", "wrong password", "203.0.113.1").await;
    assert_eq!(guess.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_known_browser_has_no_extra_attempts_and_slows_down_nobody_else() {
    let site = Site::open().await;
    let device = device_of(&site, "ada").await;
    let with_device = [("x-forwarded-for", "192.0.2.9"), ("cookie", device.as_str())];
    for _ in 0..5 {
        let response = site.log_in_with("ada", "wrong password", &with_device).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let response = site.log_in_with("ada", "wrong password", &with_device).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.log_in("ada", "correct horse ada", "192.0.2.10").await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_proxy_may_include_the_clients_port() {
    let site = Site::open().await;
    for n in 0..20 {
        let claimed = format!("203.0.113.{n}:1, 192.0.2.7:{}", 1_000 + n);
        let response = site.log_in(&format!("user{n}"), "wrong password", &claimed).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    for same in ["192.0.2.7:9", "192.0.2.7"] {
        let response = site.log_in("ada", "correct horse ada", same).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{same}");
    }
    assert_eq!(site.log_in("ada", "correct horse ada", "[2001:db8::1]:443").await.status(), StatusCode::FOUND);
}
