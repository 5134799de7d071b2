//! [`labelcast_functions::ports::Keys`]

use labelcast_functions::ports::{ApiKey, Scope};

use super::Backend;

fn builds() -> ApiKey {
    let scopes = vec![Scope::Search, Scope::Publish("app:builds*".to_owned())];
    ApiKey { name: "ci".parse().expect("a plain word is a name"), scopes }
}

/// By the SHA-256 of its secret.
pub async fn a_key_is_found_with_its_scopes(backend: impl Backend) {
    backend.add_key(&builds(), [1; 32]).await;
    assert_eq!(backend.ports().keys.find(&[1; 32]).await.unwrap(), Some(builds()));
    let backend = backend.reopened().await;
    assert_eq!(backend.ports().keys.find(&[1; 32]).await.unwrap(), Some(builds()), "after a restart");
}

/// What nobody gave out opens nothing.
pub async fn an_unknown_secret_finds_no_key(backend: impl Backend) {
    backend.add_key(&builds(), [1; 32]).await;
    assert_eq!(backend.ports().keys.find(&[2; 32]).await.unwrap(), None);
}

/// From then on.
pub async fn a_removed_key_is_not_found(backend: impl Backend) {
    backend.add_key(&builds(), [1; 32]).await;
    backend.remove_key(&builds()).await;
    assert_eq!(backend.ports().keys.find(&[1; 32]).await.unwrap(), None);
}
