//! The memory that all replays and pages of history share.
//!
//! A server that restarts has all of its clients resume at once, each with up to a thousand notifications of 24 KB. So
//! history is read and sent in chunks, and the bytes of all chunks in flight are bounded. Requests beyond that wait, first
//! come, first served, and one user may not use up the whole budget.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::{ByteSize, MemoryBudget, MemoryPermit};
use crate::model::UserId;

/// Maximum size of a chunk, in bytes as stored.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// Maximum size of a chunk, in entries.
pub(super) const CHUNK_ENTRIES: usize = 64;
/// What a chunk may take while it is read and rendered, in bytes: JSON of small numbers in lists takes sixteen times its
/// text.
pub(super) const READING: usize = 16 * CHUNK_BYTES;
/// Maximum share of a large budget, in bytes: enough to keep every core and many slow links busy.
const SHARE: u64 = 64 << 20;
/// Number of users remembered before those who hold nothing are forgotten.
const USERS: usize = 1_024;

/// The budget shared by everything that reads history. Cheap to clone.
#[derive(Clone)]
pub struct ReplayBudget {
    /// The process's budget, which decoding pictures also draws on.
    memory: MemoryBudget,
    share: MemoryBudget,
    users: Arc<Mutex<HashMap<UserId, MemoryBudget>>>,
}

/// A reservation, returned when dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    user: MemoryPermit,
    share: MemoryPermit,
    memory: MemoryPermit,
}

impl ReplayBudget {
    /// A quarter of the process's budget, 64 MiB at most. One user may hold a quarter of that, or one response if that is
    /// more.
    pub fn of(memory: MemoryBudget) -> Self {
        let share = MemoryBudget::new(ByteSize::new(SHARE.min(memory.total().bytes() / 4)));
        Self { memory, share, users: Arc::default() }
    }

    /// Waits until `bytes` more fit, capped at what one user may hold.
    pub(super) async fn acquire(&self, user: &UserId, bytes: usize) -> InFlight {
        let user = self.of_user(user);
        let bytes = (bytes as u64).min(user.total().bytes());
        // In this order, so that who waits for their own turn keeps nothing from the others. None of it is larger than its
        // budget, which is what `acquire` refuses.
        InFlight {
            user: user.acquire(bytes).await.expect("no more than the user's share"),
            share: self.share.acquire(bytes).await.expect("no more than the share of replays"),
            memory: self.memory.acquire(bytes).await.expect("no more than all the memory"),
        }
    }

    /// Bytes held at the moment by all users.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.share.total().bytes() - self.share.available().bytes()
    }

    fn of_user(&self, user: &UserId) -> MemoryBudget {
        let share = self.share.total().bytes();
        let each = (share / 4).max(2 * READING as u64).min(share);
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= USERS {
            users.retain(|_, held| held.available() < held.total());
        }
        users.entry(user.clone()).or_insert_with(|| MemoryBudget::new(ByteSize::new(each))).clone()
    }
}

impl InFlight {
    /// Returns everything above `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        for permit in [&mut self.user, &mut self.share, &mut self.memory] {
            permit.shrink_to(bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }

    /// A budget with room for eight chunks.
    fn budget() -> ReplayBudget {
        ReplayBudget::of(MemoryBudget::new(ByteSize::new(4 * 8 * READING as u64)))
    }

    async fn now<T>(what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = what => Some(done),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn replays_of_all_users_stay_within_the_budget() {
        let budget = budget();
        let mut held = Vec::new();
        for number in 0..8 {
            held.push(now(budget.acquire(&user(&format!("user{number}")), READING)).await.expect("there is room"));
        }
        assert!(now(budget.acquire(&user("late"), 1)).await.is_none());
        held.pop();
        assert!(now(budget.acquire(&user("late"), READING)).await.is_some());
    }

    #[tokio::test]
    async fn one_user_cannot_use_up_the_budget() {
        let budget = budget();
        let _mine = (budget.acquire(&user("a"), READING).await, budget.acquire(&user("a"), READING).await);
        assert!(now(budget.acquire(&user("a"), 1)).await.is_none(), "a quarter is taken");
        assert!(now(budget.acquire(&user("b"), READING)).await.is_some());
    }

    #[tokio::test]
    async fn rendered_frames_are_charged_at_their_actual_size() {
        let budget = budget();
        let mut chunk = budget.acquire(&user("a"), 2 * READING).await;
        assert!(now(budget.acquire(&user("a"), READING)).await.is_none());
        chunk.shrink_to(READING);
        chunk.shrink_to(2 * READING);
        assert!(now(budget.acquire(&user("a"), READING)).await.is_some());
    }

    #[tokio::test]
    async fn replays_wait_while_pictures_use_all_memory() {
        let memory = MemoryBudget::new(ByteSize::new(4 * 8 * READING as u64));
        let budget = ReplayBudget::of(memory.clone());
        let picture = memory.acquire(memory.total().bytes()).await.unwrap();
        assert!(now(budget.acquire(&user("a"), READING)).await.is_none());
        drop(picture);
        assert!(now(budget.acquire(&user("a"), READING)).await.is_some());
    }

    #[tokio::test]
    async fn even_the_smallest_budget_admits_one_chunk() {
        let budget = ReplayBudget::of(MemoryBudget::new(ByteSize::new(64 * 1024)));
        assert!(now(budget.acquire(&user("a"), READING)).await.is_some());
    }

    #[tokio::test]
    async fn users_holding_nothing_are_forgotten() {
        let budget = budget();
        let _held = budget.acquire(&user("here"), 1).await;
        for number in 0..3 * USERS {
            drop(budget.acquire(&user(&format!("user{number}")), 1).await);
        }
        let users = budget.users.lock().unwrap();
        assert!(users.len() <= USERS && users.contains_key(&user("here")));
    }
}
