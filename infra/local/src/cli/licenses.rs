//! `labelcast licenses`

use std::io::{self, Write};

use clap::Args;
use labelcast_functions::images::EmbeddedPages;

use super::failure::Outcome;

/// Print the licence, and the notices of everything that this binary is made of
#[derive(Debug, Args)]
pub(super) struct LicensesArguments {}

impl LicensesArguments {
    pub(super) fn run() -> Outcome {
        let text = format!("{}\n{}", include_str!("../../../../LICENSE-MIT"), EmbeddedPages::notices());
        Ok(io::stdout().write_all(text.as_bytes())?)
    }
}
