use chrono::{DateTime, Utc};

/// What time it is. Injected, so that tests set it.
pub trait Clock: Send + Sync {
    /// Now, to the millisecond or better.
    fn now(&self) -> DateTime<Utc>;
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
