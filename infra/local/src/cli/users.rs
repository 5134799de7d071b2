use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, Subcommand};
use labelcast_functions::model::Name;
use serde_json::json;

use super::arguments::{Data, operator};
use super::failure::{Failure, Outcome};
use super::{output, password};
use crate::data::DataDirectory;
use crate::database::Database;
use crate::users::Users;
use labelcast_functions::system::{SystemClock, SystemRandom};

/// Add, list, change or remove local users
///
/// A change takes effect within a second, also in a `serve` that runs.
///
/// Passwords are read from standard input, never from the arguments, which others can see.
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
    /// Put a user into these groups and no others; ends what was issued before, so that the user has to sign in again
    Groups {
        /// Whom
        name: Name,
        /// A group to be in, for example `moderators`; may be given several times; without it the user is in none
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<Name>,
    },
    /// Change a password, read from standard input; ends what was issued before: tokens, sockets, other sign-ins
    Passwd {
        /// Whose
        name: Name,
    },
    /// Remove a user; ends what was issued before
    Remove {
        /// Whom
        name: Name,
    },
}

impl UsersArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let users =
            Users::new(Database::open(directory.path())?, Arc::new(SystemClock), Arc::new(SystemRandom)).by(operator());
        match self.action {
            Action::Add { name, groups } => {
                let groups: BTreeSet<String> = groups.iter().map(Name::to_string).collect();
                if !users.add(&name, &groups, password::read()?).await? {
                    return Err(Failure::failed(format!(
                        "there is a user `{name}` already; `users passwd` changes the password"
                    )));
                }
            }
            Action::List { json } => {
                for user in users.list().await? {
                    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
                    if json {
                        output::json(&json!({"name": user.name, "sub": user.sub, "groups": groups}))?;
                    } else {
                        output::line(format!("{:<20} {}", user.name.as_str(), groups.join(", ")).trim_end())?;
                    }
                }
            }
            Action::Groups { name, groups } => {
                let groups: BTreeSet<String> = groups.iter().map(Name::to_string).collect();
                if !users.set_groups(&name, &groups).await? {
                    return Err(no_user(&name));
                }
            }
            Action::Passwd { name } => {
                if !users.set_password(&name, password::read()?).await? {
                    return Err(no_user(&name));
                }
            }
            Action::Remove { name } => {
                if !users.remove(&name).await? {
                    return Err(no_user(&name));
                }
            }
        }
        Ok(())
    }
}

fn no_user(name: &Name) -> Failure {
    Failure::failed(format!("there is no user `{name}`; `labelcast users list` shows them"))
}
