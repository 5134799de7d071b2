/// Why a backend could not do something.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// No room left to accept anything (a full disk): refuse before accepting.
    #[error("no space left to store {what}")]
    Full {
        /// What could not be stored.
        what: &'static str,
    },
    /// It may work later: busy, throttled, out of reach.
    #[error("{what} is unavailable: {why}")]
    Unavailable {
        /// What it is about, as it begins the message, for example `the database`.
        what: &'static str,
        /// Why it did not work, for the log.
        why: String,
    },
    /// So much waits already that nothing more is taken: later.
    #[error("{what} is full for now; will retry in {} s", retry_after.as_secs())]
    Overloaded {
        /// What it is about, as it begins the message, for example `the database`.
        what: &'static str,
        /// When it is worth trying again.
        retry_after: std::time::Duration,
    },
    /// It will not work later either: stored data that cannot be read, a request that the backend refuses.
    #[error("{what} failed: {why}")]
    Failed {
        /// What it is about, as it begins the message, for example `the database`.
        what: &'static str,
        /// Why it did not work, for the log.
        why: String,
    },
}

/// The result of a port's operation.
pub type PortResult<T> = Result<T, PortError>;
