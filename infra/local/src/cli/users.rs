use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use clap::{Args, Subcommand};
use labelcast_functions::model::Name;
use serde_json::json;

use super::{Data, Outcome, output};
use crate::data::{DataDirectory, SystemClock, SystemRandom};
use crate::database::Database;
use crate::users::Users;

#[derive(Debug, Args)]
pub(super) struct UsersArguments {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user; the password is read from standard input
    Add {
        /// 1 to 64 letters, digits, `.`, `_`, `-`
        name: Name,
        /// A group to be in, for example `moderators`; may be given several times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<Name>,
    },
    /// List users and their groups
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Change a password, read from standard input; ends what was signed in with the old one
    Passwd {
        /// Whose
        name: Name,
    },
    /// Remove a user
    Remove {
        /// Whom
        name: Name,
    },
}

impl UsersArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let users = Users::new(Database::open(directory.path())?, Arc::new(SystemClock), Arc::new(SystemRandom));
        match self.action {
            Action::Add { name, groups } => {
                let groups: BTreeSet<String> = groups.iter().map(Name::to_string).collect();
                if !users.add(&name, &groups, password()?).await? {
                    return Err(format!("there is a user `{name}` already; `users passwd` changes the password").into());
                }
            }
            Action::List { json } => {
                for user in users.list().await? {
                    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
                    output::line(&match json {
                        true => json!({"name": user.name, "sub": user.sub, "groups": groups}).to_string(),
                        false => format!("{:<20} {}", user.name.as_str(), groups.join(", ")).trim_end().to_owned(),
                    })?;
                }
            }
            Action::Passwd { name } => {
                if !users.set_password(&name, password()?).await? {
                    return Err(format!("there is no user `{name}`").into());
                }
            }
            Action::Remove { name } => {
                if !users.remove(&name).await? {
                    return Err(format!("there is no user `{name}`").into());
                }
            }
        }
        Ok(())
    }
}

/// From standard input, never from the arguments, which others can see.
fn password() -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        output::complain("Password, then Enter and Ctrl-D (it is shown as you type):");
    }
    let mut text = String::new();
    std::io::stdin().lock().take(4096).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
