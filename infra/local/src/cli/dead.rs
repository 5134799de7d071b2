use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand};
use labelcast_functions::ports::Clock;
use serde_json::json;

use super::{Data, Outcome, output};
use crate::data::{DataDirectory, SystemClock};
use crate::database::Database;
use crate::work::WorkTable;

#[derive(Debug, Args)]
pub(super) struct DeadArguments {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters: number, function, attempts, since when, why
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Try dead letters again; a running `serve` takes them up at once
    Redrive {
        /// Their numbers; all of them if none is given
        numbers: Vec<i64>,
    },
}

impl DeadArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let table = WorkTable::new(Database::open(directory.path())?);
        match self.action {
            Action::List { json } => {
                for letter in table.dead().await? {
                    let since = DateTime::from_timestamp_millis(letter.dead_at).unwrap_or_default();
                    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
                    output::line(&match json {
                        true => json!({"id": letter.id, "target": letter.target, "attempts": letter.attempts,
                            "dead_at": since, "error": letter.error})
                        .to_string(),
                        false => format!(
                            "{:<8} {:<8} {:<3} {since}  {}",
                            letter.id, letter.target, letter.attempts, letter.error
                        ),
                    })?;
                }
            }
            Action::Redrive { numbers } => {
                let redriven = table.redrive(numbers, SystemClock.now()).await?;
                output::line(&format!("{redriven} redriven"))?;
            }
        }
        Ok(())
    }
}
