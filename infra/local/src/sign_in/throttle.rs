//! Slows down guessing, by user and by address; a browser that signed in before is counted on its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use labelcast_functions::backoff::Backoff;

use super::device::DeviceId;

/// Users and addresses remembered at once.
const REMEMBERED: usize = 10_000;
/// A quiet quarter of an hour is forgiven.
const FORGIVEN: Duration = Duration::minutes(15);

/// Between tries after the free ones.
const WAITS: Backoff = Backoff {
    first: std::time::Duration::from_secs(2),
    factor: 2,
    longest: std::time::Duration::from_mins(15),
    jitter: 0.0,
};

/// What tries are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A name as it was typed, whether there is such a user or not.
    User(String),
    /// Where a try came from.
    Address(Option<IpAddr>),
    /// A browser in which the user signed in before, whatever the address.
    Device(DeviceId),
}

impl Key {
    pub(super) fn user(name: &str) -> Self {
        Self::User(name.chars().take(64).collect())
    }

    /// Of an IPv6 address the network: whoever has one address there has all of them.
    pub(super) fn address(address: Option<IpAddr>) -> Self {
        Self::Address(address.map(|address| match address.to_canonical() {
            IpAddr::V6(six) => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
            four @ IpAddr::V4(_) => four,
        }))
    }

    /// Mistakes that are nobody's business. Many people may share an address.
    const fn free(&self) -> u32 {
        match self {
            Self::User(_) | Self::Device(_) => 5,
            Self::Address(_) => 20,
        }
    }
}

#[derive(Default)]
pub(super) struct Throttle {
    tries: Mutex<HashMap<Key, Tries>>,
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    last: DateTime<Utc>,
}

impl Tries {
    /// 2, 4, 8 … seconds after the free ones, up to 15 minutes.
    fn open_again(self, free: u32) -> DateTime<Utc> {
        if self.count < free {
            return self.last;
        }
        self.last + WAITS.wait(self.count - free + 1, 0.0)
    }
}

impl Throttle {
    /// Begins an attempt, or returns how many seconds to wait. An attempt counts as a mistake until
    /// [`Throttle::succeeded`], so that a thousand at the same moment are no way around.
    pub(super) fn begin(&self, keys: &[Key], now: DateTime<Utc>) -> Result<(), i64> {
        let mut tries = self.lock();
        let open_again =
            keys.iter().filter_map(|key| Some(tries.get(key)?.open_again(key.free()) - now)).max().unwrap_or_default();
        if open_again > Duration::zero() {
            return Err(open_again.num_milliseconds() / 1000 + 1);
        }
        for key in keys {
            make_room(&mut tries, now);
            let entry = tries.entry(key.clone()).or_insert(Tries { count: 0, last: now });
            let count = if now - entry.last > FORGIVEN { 0 } else { entry.count };
            *entry = Tries { count: count + 1, last: now };
        }
        Ok(())
    }

    /// The try that was begun was none at guessing: the mistakes of the user, or of the browser, are forgotten; the address
    /// has none more.
    pub(super) fn succeeded(&self, keys: &[Key]) {
        let mut tries = self.lock();
        for key in keys {
            match key {
                Key::User(_) | Key::Device(_) => drop(tries.remove(key)),
                Key::Address(_) => {
                    if let Some(entry) = tries.get_mut(key) {
                        entry.count = entry.count.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what is forgiven, or else whoever made the fewest mistakes: made-up names push out no one who is guessing.
fn make_room(tries: &mut HashMap<Key, Tries>, now: DateTime<Utc>) {
    if tries.len() < REMEMBERED {
        return;
    }
    tries.retain(|_, tries| now - tries.last <= FORGIVEN);
    if tries.len() < REMEMBERED {
        return;
    }
    let least = tries.iter().min_by_key(|(_, tries)| (tries.count, tries.last)).map(|(key, _)| key.clone());
    if let Some(least) = least {
        tries.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn keys(user: &str, last: u8) -> [Key; 2] {
        [Key::user(user), Key::address(Some([192, 0, 2, last].into()))]
    }

    #[test]
    fn guessing_one_user_slows_down_across_all_addresses() {
        let throttle = Throttle::default();
        for address in 0..5 {
            assert_eq!(throttle.begin(&keys("a", address), NOW), Ok(()));
        }
        assert_eq!(throttle.begin(&keys("a", 9), NOW), Err(3));
        assert_eq!(throttle.begin(&keys("b", 9), NOW), Ok(()));
        let later = NOW + Duration::seconds(2);
        assert_eq!(throttle.begin(&keys("a", 9), later), Ok(()));
        assert_eq!(throttle.begin(&keys("a", 9), later), Err(5));
    }

    #[test]
    fn guessing_from_one_address_slows_down_across_all_users() {
        let throttle = Throttle::default();
        for user in 0..20 {
            assert_eq!(throttle.begin(&keys(&user.to_string(), 1), NOW), Ok(()));
        }
        assert!(throttle.begin(&keys("another", 1), NOW).is_err());
        assert_eq!(throttle.begin(&keys("another", 2), NOW), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_ipv4_address_is_separate() {
        let key = |text: &str| Key::address(text.parse().ok());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1:2:3"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_successful_sign_in_clears_the_delay() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.begin(&keys("a", 1), NOW), Ok(()));
            throttle.succeeded(&keys("a", 1));
        }
    }

    #[test]
    fn memory_is_bounded_and_invented_names_evict_nobody() {
        let throttle = Throttle::default();
        for address in 0..6 {
            let _ = throttle.begin(&keys("guessed", address), NOW);
        }
        for number in 0..u32::try_from(REMEMBERED).unwrap() {
            let address = Key::address(Some(IpAddr::V4(number.into())));
            assert_eq!(throttle.begin(&[Key::user(&number.to_string()), address], NOW), Ok(()));
        }
        assert!(throttle.lock().len() <= REMEMBERED);
        assert!(throttle.begin(&keys("guessed", 9), NOW).is_err());
    }
}
