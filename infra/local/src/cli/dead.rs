use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand};
use labelcast_functions::ports::Clock;
use serde_json::json;

use super::arguments::Data;
use super::failure::{Failure, Outcome};
use super::output;
use crate::jobs::JobTable;
use labelcast_functions::system::SystemClock;

/// List or redrive the dead letters of a data directory
///
/// A dead letter is a job that failed as many times as `serve --max-attempts` allows.
#[derive(Debug, Args)]
pub(super) struct DeadArguments {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters, oldest first: id, function, attempts, time, error
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Retry dead letters with a full set of attempts; a running `serve` starts immediately
    Redrive {
        /// Ids of dead letters, as shown by `list`; all if omitted
        #[arg(value_name = "ID")]
        ids: Vec<i64>,
    },
}

impl DeadArguments {
    pub(super) async fn run(self) -> Outcome {
        let table = JobTable::new(&self.data.database()?);
        match self.action {
            Action::List { json } => list(&table, json).await,
            Action::Redrive { ids } => redrive(&table, ids).await,
        }
    }
}

async fn list(table: &JobTable, json: bool) -> Outcome {
    for letter in table.dead().await? {
        let since = DateTime::from_timestamp_millis(letter.dead_at).unwrap_or_default();
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        if json {
            output::json(&json!({"id": letter.id, "target": letter.target, "attempts": letter.attempts,
                "dead_at": since, "error": letter.error}))?;
        } else {
            output::line(&format!(
                "{:<8} {:<8} {:<3} {since}  {}",
                letter.id, letter.target, letter.attempts, letter.error
            ))?;
        }
    }
    Ok(())
}

async fn redrive(table: &JobTable, ids: Vec<i64>) -> Outcome {
    let redriven = table.redrive(ids, SystemClock.now()).await?;
    output::line(&format!("{} redriven", redriven.count))?;
    if redriven.unknown.is_empty() {
        return Ok(());
    }
    let unknown: Vec<String> = redriven.unknown.iter().map(i64::to_string).collect();
    Err(Failure::failed(format!("no dead letter with id {}; list them with `labelcast dead list`", unknown.join(", "))))
}
