//! Device cookies: a browser in which somebody signed in before is not slowed down by what others guess.
//!
//! Source: "Slow Down Online Guessing Attacks with Device Cookies" (OWASP). The cookie holds a random number and a MAC over
//! it and the name of the user, so nothing is stored, and a cookie of one user is good for no other. Who has one has tries
//! of its own, as few as everybody; whoever guesses without one cannot use them up.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use labelcast_functions::ports::Random;

/// How long a browser is remembered after each sign-in, in seconds: a year.
pub(super) const REMEMBERED: u32 = 365 * 24 * 3600;

/// What ties a browser to a user who signed in with it.
#[derive(Clone)]
pub(super) struct Devices {
    key: hmac::Key,
}

/// A browser that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DeviceId([u8; 16]);

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Devices")
    }
}

impl Devices {
    /// With a key that follows from a secret of the data directory, so that cookies outlive restarts.
    pub(super) fn new(secret: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let derived = hmac::sign(&secret, b"labelcast device cookie");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// The name of the cookie for this user: several users of one browser are remembered side by side.
    pub(super) fn cookie_name(&self, user: &str) -> String {
        let digest = hmac::sign(&self.key, format!("name:{user}").as_bytes());
        format!("labelcast_device_{}", hex::encode(&digest.as_ref()[..4]))
    }

    /// A new cookie's value for a user who has just signed in.
    pub(super) fn make(&self, user: &str, random: &dyn Random) -> String {
        let mut nonce = [0; 16];
        random.fill(&mut nonce);
        let tag = hmac::sign(&self.key, &message(user, nonce));
        format!("{}.{}", URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The browser, if the cookie is one of ours and this user's.
    pub(super) fn read(&self, user: &str, cookie: &str) -> Option<DeviceId> {
        let (nonce, tag) = cookie.split_once('.')?;
        let nonce: [u8; 16] = URL_SAFE_NO_PAD.decode(nonce).ok()?.try_into().ok()?;
        hmac::verify(&self.key, &message(user, nonce), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        Some(DeviceId(nonce))
    }
}

fn message(user: &str, nonce: [u8; 16]) -> Vec<u8> {
    // The number has a fixed length, so no other pair gives the same bytes.
    [b"device:".as_slice(), &nonce, user.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use labelcast_functions::system::SystemRandom;

    use super::*;

    #[test]
    fn a_device_cookie_is_valid_only_for_its_user_and_server() {
        let devices = Devices::new("secret");
        let cookie = devices.make("ada", &SystemRandom);
        assert!(devices.read("ada", &cookie).is_some());
        assert_eq!(Devices::new("secret").read("ada", &cookie), devices.read("ada", &cookie), "after a restart too");
        assert_eq!(devices.read("bob", &cookie), None);
        assert_eq!(Devices::new("another").read("ada", &cookie), None);
        let other = devices.make("ada", &SystemRandom);
        let mixed = format!("{}.{}", cookie.split_once('.').unwrap().0, other.split_once('.').unwrap().1);
        for bad in ["", ".", "a.b", &cookie[1..], &mixed, &format!("{cookie}AA")] {
            assert_eq!(devices.read("ada", bad), None, "{bad}");
        }
        assert_ne!(devices.cookie_name("ada"), devices.cookie_name("bob"));
    }
}
