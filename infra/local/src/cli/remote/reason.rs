//! Explains network failures to people.

use std::io::{self, ErrorKind};

/// Why a request failed, for example `connection refused`: the innermost cause is the most specific.
pub(in crate::cli) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        if let Some(error) = cause.downcast_ref::<io::Error>()
            && error.kind() == ErrorKind::ConnectionRefused
        {
            return "connection refused".to_owned();
        }
        innermost = cause;
    }
    innermost.to_string()
}
