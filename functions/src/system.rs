//! The clock and the randomness of the system, as every backend has them outside of tests.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};

use crate::ports::{Clock, Random};

/// When the process first read the clock.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        STARTED.elapsed()
    }
}

/// The system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes).expect("a system without randomness cannot keep any secret");
    }
}
