//! How a command fails, and its exit status.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use super::output;

/// The exit status of a usage error.
pub(super) const USAGE: u8 = 2;

/// The result of a command.
pub(super) type Outcome = Result<(), Failure>;

/// Why a command failed, for people. Never holds a token or a password.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments are inconsistent; exit status 2.
    Usage(String),
    /// The command failed; exit status 1.
    Failed(String),
    /// The output was closed early, for instance by `| head`; not an error.
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

/// Any error becomes a failure with its own message, except for a closed output.
impl<E: Error + Any> From<E> for Failure {
    fn from(error: E) -> Self {
        let of_output = (&error as &dyn Any).downcast_ref::<io::Error>();
        match of_output.map(io::Error::kind) {
            Some(ErrorKind::BrokenPipe) => Self::OutputClosed,
            _ => Self::failed(error),
        }
    }
}
