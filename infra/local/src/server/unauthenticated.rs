//! Limits unauthenticated connections, so that they cannot displace authenticated ones: per address, and to half of all
//! connections altogether.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::address::network;

/// Nobody has to give way sooner: whoever is served in the usual time is not disturbed by a burst.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// Everything that has shown no token, key or signature yet, oldest first.
pub(super) struct Unauthenticated {
    state: Mutex<State>,
    per_address: usize,
    in_all: usize,
}

#[derive(Default)]
struct State {
    next: u64,
    entries: BTreeMap<u64, Entry>,
    by_address: HashMap<IpAddr, BTreeSet<u64>>,
}

struct Entry {
    address: IpAddr,
    since: Instant,
    gives_way: CancellationToken,
}

impl State {
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(ids) = self.by_address.get_mut(&entry.address) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_address.remove(&entry.address);
            }
        }
        Some(entry)
    }

    /// Makes one give way. False if it has not been here for long.
    fn evict(&mut self, id: u64, now: Instant) -> bool {
        let old = self.entries.get(&id).is_some_and(|entry| now.saturating_duration_since(entry.since) >= UNDISTURBED);
        if old && let Some(entry) = self.remove(id) {
            metrics::counter!("labelcast_unauthenticated_evicted_total").increment(1);
            entry.gives_way.cancel();
        }
        old
    }
}

impl Unauthenticated {
    pub(super) fn new(per_address: usize, in_all: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), per_address, in_all })
    }

    /// Takes a place for a connection, or behind a proxy for a request. At the bound the oldest gives way; `None` if none is
    /// old enough.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Arc<Ticket>> {
        let address = network(address);
        let mut state = self.lock();
        let ids = state.by_address.get(&address);
        if ids.is_some_and(|ids| ids.len() >= self.per_address) {
            let oldest = ids.and_then(|ids| ids.first().copied())?;
            if !state.evict(oldest, now) {
                return None;
            }
        }
        if state.entries.len() >= self.in_all {
            let oldest = state.entries.first_key_value().map(|(id, _)| *id)?;
            if !state.evict(oldest, now) {
                return None;
            }
        }
        let id = state.next;
        state.next += 1;
        let gives_way = CancellationToken::new();
        state.entries.insert(id, Entry { address, since: now, gives_way: gives_way.clone() });
        state.by_address.entry(address).or_default().insert(id);
        drop(state);
        Some(Arc::new(Ticket { among: self.clone(), id, gives_way, admitted: AtomicBool::new(false) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who have shown nothing yet; given back when it is dropped.
pub(super) struct Ticket {
    among: Arc<Unauthenticated>,
    id: u64,
    gives_way: CancellationToken,
    admitted: AtomicBool,
}

impl Ticket {
    /// Its holder has shown something good, and counts here no longer.
    pub(super) fn admit(&self) {
        if !self.admitted.swap(true, Ordering::AcqRel) {
            self.among.lock().remove(self.id);
        }
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Acquire)
    }

    /// Waits until it has to give way to another.
    pub(super) async fn gives_way(&self) {
        self.gives_way.cancelled().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_admitted() {
            self.among.lock().remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn at_an_addresss_limit_its_oldest_connection_is_dropped_and_nobody_elses() {
        let (all, start) = (Unauthenticated::new(2, 100), Instant::now());
        let first = all.enter(address(1), start).unwrap();
        let second = all.enter(address(1), start).unwrap();
        let other = all.enter(address(2), start).unwrap();
        assert!(all.enter(address(1), start).is_none(), "nobody is old enough to give way");
        let third = all.enter(address(1), start + UNDISTURBED).unwrap();
        assert!(first.gives_way.is_cancelled());
        assert!([&second, &third, &other].iter().all(|ticket| !ticket.gives_way.is_cancelled()));
    }

    #[test]
    fn authenticated_and_closed_connections_do_not_count() {
        let (all, start) = (Unauthenticated::new(1, 100), Instant::now());
        all.enter(address(1), start).unwrap().admit();
        drop(all.enter(address(1), start).unwrap());
        assert!(all.enter(address(1), start).is_some());
        assert!(all.lock().entries.is_empty() && all.lock().by_address.is_empty());
    }

    #[test]
    fn unauthenticated_clients_from_any_number_of_addresses_leave_room_for_others() {
        let (all, start) = (Unauthenticated::new(10, 3), Instant::now());
        let tickets: Vec<_> = (0..3).map(|last| all.enter(address(last), start).unwrap()).collect();
        assert!(all.enter(address(9), start).is_none());
        assert!(all.enter(address(9), start + UNDISTURBED).is_some());
        assert!(tickets[0].gives_way.is_cancelled() && !tickets[1].gives_way.is_cancelled());
    }
}
