/// Why a payload is no request for a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is well formed and about something else: passed over with a line in the log, since trying again changes nothing.
    #[error("the event is not for this function: {0}")]
    Foreign(String),
    /// It does not have the form that AWS documents for this event: an error, so that it ends as a dead letter that somebody
    /// looks at.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// Which event was expected, for example `an event of the bus`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}
