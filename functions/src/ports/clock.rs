use std::time::Duration;

use chrono::{DateTime, Utc};

/// What time it is. Injected, so that tests set it.
pub trait Clock: Send + Sync {
    /// The wall clock, to the millisecond or better. For what others see or store: the end of a token, when something
    /// happened. It may be set back or forward at any moment, so nothing is measured by it.
    fn now(&self) -> DateTime<Utc>;

    /// A reading of a clock that never steps, since a moment that only this process knows. For everything that is a
    /// duration: idle times, rates, leases in memory.
    ///
    /// By default the wall clock, which is right for clocks of tests: they move when they are set, and both move together.
    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().timestamp_millis()).unwrap_or_default())
    }
}

/// Randomness. Injected, so that tests repeat a run from its seed.
pub trait Random: Send + Sync {
    /// Fills the bytes, unguessably in production.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// 32 hex digits that nobody guesses.
    pub fn id(&self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        hex::encode(bytes)
    }
}
