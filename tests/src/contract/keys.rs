//! [`labelcast_functions::ports::Keys`]

use labelcast_functions::ports::{ApiKey, Scope};

use super::Home;

fn builds() -> ApiKey {
    let scopes = vec![Scope::Search, Scope::Publish("app:builds*".to_owned())];
    ApiKey { name: "ci".parse().expect("a plain word is a name"), scopes }
}

/// By the SHA-256 of its secret.
pub async fn a_key_is_found_with_what_it_allows(home: impl Home) {
    home.add_key(&builds(), [1; 32]).await;
    assert_eq!(home.ports().keys.find(&[1; 32]).await.unwrap(), Some(builds()));
    let home = home.reopened().await;
    assert_eq!(home.ports().keys.find(&[1; 32]).await.unwrap(), Some(builds()), "after a restart");
}

/// What nobody gave out opens nothing.
pub async fn an_unknown_secret_finds_no_key(home: impl Home) {
    home.add_key(&builds(), [1; 32]).await;
    assert_eq!(home.ports().keys.find(&[2; 32]).await.unwrap(), None);
}

/// From then on.
pub async fn a_removed_key_is_not_found(home: impl Home) {
    home.add_key(&builds(), [1; 32]).await;
    home.remove_key(&builds()).await;
    assert_eq!(home.ports().keys.find(&[1; 32]).await.unwrap(), None);
}
