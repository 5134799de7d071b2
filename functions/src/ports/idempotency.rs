use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::PortResult;
use crate::model::Name;

/// A request that carries an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Whose key it is; two programs do not share idempotency keys.
    pub api_key: Name,
    /// As the header has it, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of the request, topic included.
    pub request: [u8; 32],
    /// The id of the response if this is the first request.
    pub id: String,
}

/// Whether a request came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the first: do it, then [`Idempotency::done`].
    First,
    /// It came before under this id. `done` says whether it was completed; if not, repeat it under the same id.
    Again {
        /// The id of the first response.
        id: String,
        /// Whether the first request came to its end; if not, this one goes on with the same id.
        done: bool,
    },
    /// The key was used for something else.
    Conflict,
}

/// Remembers requests for 24 hours.
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Claims a key, durably. What is older than 24 hours does not count.
    async fn claim(&self, claim: &IdempotencyClaim, now: DateTime<Utc>) -> PortResult<Claimed>;

    /// Marks a claim as done.
    async fn done(&self, api_key: &Name, key: &str) -> PortResult<()>;

    /// Forgets what is older than 24 hours; returns how much. A backend whose database forgets by itself returns 0.
    async fn expire(&self, now: DateTime<Utc>) -> PortResult<u64>;
}
