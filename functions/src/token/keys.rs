//! The issuer's keys, fetched when one is not known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use metrics::counter;

use super::TokenError;

/// How long after a fetch an unknown key is believed to be none of the issuer's: anybody can name keys, and must not
/// make us ask the issuer each time.
const FETCH_AGAIN_AFTER: Duration = Duration::minutes(1);

/// How long after a fetch that failed the next may be made.
const RETRY_AFTER: Duration = Duration::seconds(5);

/// Where the issuer's public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The keys as they are now. Gives up by itself in time for whoever waits: callers set no limit.
    async fn keys(&self) -> Result<JwkSet, KeySourceError>;
}

/// Keys that are known already.
#[async_trait]
impl KeySource for JwkSet {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(self.clone())
    }
}

/// Why keys could not be fetched, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's keys could not be fetched: {0}")]
pub struct KeySourceError(pub String);

/// By key id.
type Keys = HashMap<String, Arc<DecodingKey>>;

/// The keys that are known, and when they may be fetched again.
pub(super) struct KeyCache {
    source: Arc<dyn KeySource>,
    known: RwLock<Keys>,
    /// How often the known keys were replaced.
    generation: AtomicU64,
    /// Held while fetching, so that many who miss the same key make one fetch.
    last_fetch: tokio::sync::Mutex<Option<Fetch>>,
}

/// A fetch that was made.
#[derive(Clone, Copy)]
struct Fetch {
    at: DateTime<Utc>,
    failed: bool,
}

impl Fetch {
    fn is_recent(self, now: DateTime<Utc>) -> bool {
        now < self.at + if self.failed { RETRY_AFTER } else { FETCH_AGAIN_AFTER }
    }
}

impl KeyCache {
    pub(super) fn new(source: Arc<dyn KeySource>) -> Self {
        Self {
            source,
            known: RwLock::default(),
            generation: AtomicU64::new(0),
            last_fetch: tokio::sync::Mutex::new(None),
        }
    }

    pub(super) async fn find(&self, key_id: &str, now: DateTime<Utc>) -> Result<Arc<DecodingKey>, TokenError> {
        if let Some(key) = self.find_known(key_id) {
            return Ok(key);
        }
        let mut last_fetch = self.last_fetch.lock().await;
        // Somebody else may have fetched it while we waited.
        if let Some(key) = self.find_known(key_id) {
            return Ok(key);
        }
        let fetch = match *last_fetch {
            Some(recent) if recent.is_recent(now) => recent,
            _ => Fetch { at: now, failed: !self.fetch().await },
        };
        *last_fetch = Some(fetch);
        let unknown = if fetch.failed { TokenError::KeysUnavailable } else { TokenError::UnknownKey };
        self.find_known(key_id).ok_or(unknown)
    }

    /// Fetches, and returns whether that worked. Keys that are known stay when it does not.
    async fn fetch(&self) -> bool {
        // An issuer always has a key: a set without one is a faulty response, and known keys outlive it.
        let fetched = self.source.keys().await.and_then(|set| match usable(&set) {
            keys if keys.is_empty() => Err(KeySourceError("the fetched key set contains no RS256 key".to_owned())),
            keys => Ok(keys),
        });
        match fetched {
            Ok(keys) => {
                counter!("labelcast_token_key_fetches_total", "outcome" => "fetched").increment(1);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                *known = keys;
                self.generation.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(error) => {
                counter!("labelcast_token_key_fetches_total", "outcome" => "failed").increment(1);
                tracing::warn!(%error, "refusing tokens signed with unknown keys until the key set can be fetched");
                false
            }
        }
    }

    /// Changes whenever the known keys are replaced.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn find_known(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.read().get(key_id).cloned()
    }

    /// A map is whole whatever its last writer was doing.
    fn read(&self) -> impl std::ops::Deref<Target = Keys> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The RSA keys for signatures; an issuer may have others.
fn usable(set: &JwkSet) -> Keys {
    set.keys.iter().filter(|key| is_for_rs256(key)).filter_map(named).collect()
}

fn is_for_rs256(key: &Jwk) -> bool {
    matches!(key.algorithm, AlgorithmParameters::RSA(_))
        && matches!(key.common.key_algorithm, None | Some(KeyAlgorithm::RS256))
        && matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
}

fn named(key: &Jwk) -> Option<(String, Arc<DecodingKey>)> {
    Some((key.common.key_id.clone()?, Arc::new(DecodingKey::from_jwk(key).ok()?)))
}
