//! `labelcast licenses`

use std::io::{self, Write};

use clap::Args;

use super::failure::Outcome;

/// Print the licence, and the notices of everything this binary is built from
#[derive(Debug, Args)]
pub(super) struct LicensesArguments {}

impl LicensesArguments {
    pub(super) fn run() -> Outcome {
        let text = format!("{}\n{}", include_str!("../../../../LICENSE-MIT"), labelcast_web::notices());
        Ok(io::stdout().write_all(text.as_bytes())?)
    }
}
