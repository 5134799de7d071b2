//! How a command can end badly.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use super::output;

/// The exit status of wrong usage.
pub(super) const USAGE: u8 = 2;

/// What a command ends with.
pub(super) type Outcome = Result<(), Failure>;

/// Why a command failed, for people. Never holds a token or a password.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// It was tried.
    Failed(String),
    /// Whoever read the output has seen enough (`| head`).
    OutputClosed,
}

impl Failure {
    pub(super) fn failed(why: impl Display) -> Self {
        Self::Failed(why.to_string())
    }

    pub(super) fn usage(why: impl Display) -> Self {
        Self::Usage(why.to_string())
    }

    /// Prints the reason; returns the exit status.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Usage(why) => {
                output::message(&why);
                ExitCode::from(USAGE)
            }
            Self::Failed(why) => {
                output::message(&why);
                ExitCode::FAILURE
            }
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

/// Any error is a failure in its own words, but for an output that nobody reads any more.
impl<E: Error + Any> From<E> for Failure {
    fn from(error: E) -> Self {
        let of_output = (&error as &dyn Any).downcast_ref::<io::Error>();
        match of_output.map(io::Error::kind) {
            Some(ErrorKind::BrokenPipe) => Self::OutputClosed,
            _ => Self::failed(error),
        }
    }
}
