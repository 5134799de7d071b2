use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, Subcommand};
use labelcast_functions::model::Name;
use serde_json::json;

use super::arguments::{Data, operator};
use super::failure::{Failure, Outcome};
use super::{output, password};
use crate::users::Users;
use labelcast_functions::system::{SystemClock, SystemRandom};

/// Add, list, change or remove local users
///
/// Changes take effect within a second, even while `serve` is running.
///
/// Passwords are read from standard input, never from arguments, which other users of the machine can see.
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
        /// User name: 1 to 64 letters, digits, `.`, `_`, `-`
        name: Name,
        /// Group to put the user into, for example `moderators`; repeatable
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<Name>,
    },
    /// List users and their groups
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Set a user's groups; ends all sessions, so that the user has to sign in again
    Groups {
        /// User name
        name: Name,
        /// Group to put the user into, for example `moderators`; repeatable; without it the user is removed from all groups
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<Name>,
    },
    /// Change a user's password, read from standard input; ends all sessions: tokens, WebSockets, sign-ins
    Passwd {
        /// User name
        name: Name,
    },
    /// Remove a user; ends all sessions
    Remove {
        /// User name
        name: Name,
    },
}

impl UsersArguments {
    pub(super) async fn run(self) -> Outcome {
        let users = Users::new(self.data.database()?, Arc::new(SystemClock), Arc::new(SystemRandom)).by(operator());
        match self.action {
            Action::Add { name, groups } => {
                let groups: BTreeSet<String> = groups.iter().map(Name::to_string).collect();
                if !users.add(&name, &groups, password::read()?).await? {
                    return Err(Failure::failed(format!(
                        "user `{name}` already exists; change the password with `labelcast users passwd {name}`"
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
    Failure::failed(format!("no user `{name}`; list users with `labelcast users list`"))
}
