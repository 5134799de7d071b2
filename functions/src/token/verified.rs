//! A cache of verified tokens: a reconnecting socket presents the same one again, and verifying it takes longer than the
//! rest of the handshake.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use crate::model::Caller;

/// Tokens kept in each of two generations: a few MB in all.
const MAX_TOKENS: usize = 8_192;

/// Identifies a token without storing it.
pub(super) type Fingerprint = [u8; 32];

/// The SHA-256 of a token.
pub(super) fn fingerprint(token: &str) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    fingerprint
}

/// Who was verified, until their token ends. Bounded: when the younger generation is full, the older one is forgotten.
#[derive(Default)]
pub(super) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    /// Of the issuer's keys: what was verified with keys that were replaced since does not count.
    keys: u64,
    younger: HashMap<Fingerprint, Caller>,
    older: HashMap<Fingerprint, Caller>,
}

impl Verified {
    /// Who showed this token before, if it has not ended and the keys are the same. Whether the account still is what it was
    /// is for the caller to ask.
    pub(super) fn get(&self, token: &Fingerprint, keys: u64, now: DateTime<Utc>) -> Option<Caller> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = generations.younger.get(token).or_else(|| generations.older.get(token));
        found.filter(|caller| generations.keys == keys && now < caller.expires_at).cloned()
    }

    /// Remembers a token that was verified.
    pub(super) fn insert(&self, token: Fingerprint, keys: u64, caller: &Caller) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.keys != keys {
            *generations = Generations { keys, ..Generations::default() };
        }
        if generations.younger.len() >= MAX_TOKENS {
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert(token, caller.clone());
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn caller() -> Caller {
        Caller {
            user: "u".parse().unwrap(),
            username: "u".to_owned(),
            groups: [].into(),
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::hours(1),
            account_version: 0,
        }
    }

    #[test]
    fn a_verified_token_is_cached_until_it_expires() {
        let verified = Verified::default();
        let token = fingerprint("a token");
        verified.insert(token, 1, &caller());
        let at = |minutes| verified.get(&token, 1, DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes));
        assert_eq!(at(59), Some(caller()));
        assert_eq!(at(60), None);
        assert_eq!(verified.get(&fingerprint("another"), 1, DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn replaced_keys_invalidate_cached_tokens() {
        let verified = Verified::default();
        let token = fingerprint("a token");
        verified.insert(token, 1, &caller());
        assert_eq!(verified.get(&token, 2, DateTime::UNIX_EPOCH), None);
        verified.insert(fingerprint("another"), 2, &caller());
        assert_eq!(verified.get(&token, 2, DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn the_token_cache_is_bounded() {
        let verified = Verified::default();
        for number in 0..5 * MAX_TOKENS {
            verified.insert(fingerprint(&number.to_string()), 1, &caller());
        }
        let generations = verified.0.lock().unwrap();
        assert!(generations.younger.len() + generations.older.len() <= 2 * MAX_TOKENS);
        assert!(generations.younger.contains_key(&fingerprint(&(5 * MAX_TOKENS - 1).to_string())));
    }
}
