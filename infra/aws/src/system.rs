//! The clock and the randomness of the system.

use chrono::{DateTime, Utc};
use labelcast_functions::ports::{Clock, Random};
use rand::TryRng;
use rand::rngs::SysRng;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("a system without randomness cannot keep any secret");
    }
}
