/// Why a payload is no request for a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is well formed and about something else: passed over with a line in the log, since trying again changes nothing.
    #[error("the event is not for this function: {0}")]
    Foreign(String),
    /// It does not have the form that AWS documents for this event: an error, so that it ends as a dead letter that somebody
    /// looks at.
    #[error("{what} is malformed: {why}")]
    Unreadable {
        /// What was expected, for example `an event of the bus`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What reading a payload comes to.
pub type Result<T> = std::result::Result<T, EventError>;

impl EventError {
    /// For the errors of whatever reads `what`.
    pub(crate) fn unreadable(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |error| Self::Unreadable { what, why: error.to_string() }
    }
}
