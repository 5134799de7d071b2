//! What can go wrong, said so that people and programs know what to do. The endpoints turn it into their own form:
//! [`crate::rest`] into a status and JSON, [`crate::live`] into an `error` frame.

use crate::ports::PortError;
use crate::query::QueryError;
use crate::token::TokenError;

/// Who can do something about it, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request cannot be read or means nothing.
    BadRequest,
    /// A query cannot be read, and where.
    BadQuery {
        /// Where the query cannot be read: characters before that place.
        position: usize,
        /// What would have been right there.
        expected: String,
    },
    /// No token, or none that is good.
    Unauthorized,
    /// Signed in, but not for this user.
    Forbidden,
    /// There is none, or none for this user.
    NotFound,
    /// It clashes with what is stored.
    Conflict,
    /// More bytes than are taken.
    TooLarge,
    /// A media type that is not taken.
    UnsupportedType,
    /// A rate or quota is used up; it is worth trying later.
    TooMany,
    /// No room left to accept anything.
    Full,
    /// Something we depend on does not respond; retry later.
    Unavailable,
    /// So much waits already that nothing more is taken; later.
    Overloaded {
        /// Seconds after which it is worth trying again.
        retry_after: u64,
    },
    /// A fault on our side, which the log explains.
    Internal,
}

/// An error with its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What programs decide by: status and code.
    pub kind: ErrorKind,
    /// For people: what happened, to what, what to do.
    pub message: String,
}

/// The result of a function.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind, with words for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A request that cannot be read or means nothing.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// Something that this user may not do.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// There is none, or none for this user.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }
}

impl From<PortError> for Error {
    /// A backend failure is logged and counted here, once; the caller gets no more than helps them.
    fn from(error: PortError) -> Self {
        if let PortError::Overloaded { retry_after, .. } = error {
            // No fault of anybody, and counted where it was refused: a flood of them is not logged one by one.
            let message = "overloaded; try again after the number of seconds in `Retry-After`";
            return Self::new(ErrorKind::Overloaded { retry_after: retry_after.as_secs().max(1) }, message);
        }
        tracing::error!(%error, "a backend call failed");
        let (kind, message, label) = match error {
            PortError::Full { .. } => {
                (ErrorKind::Full, "the server has run out of storage; contact its operator", "full")
            }
            PortError::Unavailable { .. } | PortError::Overloaded { .. } => {
                (ErrorKind::Unavailable, "temporarily unavailable; try again in a moment", "unavailable")
            }
            PortError::Failed { .. } => {
                (ErrorKind::Internal, "internal error; the operator can find the reason in the log", "failed")
            }
        };
        metrics::counter!("labelcast_port_errors_total", "kind" => label).increment(1);
        Self::new(kind, message)
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        Self::new(ErrorKind::BadQuery { position: error.position, expected: error.expected }, message)
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        let kind = if error.is_temporary() { ErrorKind::Unavailable } else { ErrorKind::Unauthorized };
        Self::new(kind, error.to_string())
    }
}
