//! The command line.

mod arguments;
mod backup;
mod completions;
mod dead;
mod failure;
mod fsck;
mod keys;
mod licenses;
mod login;
mod output;
mod password;
mod remote;
mod search;
mod serve;
mod token;
mod upload;
mod users;
mod watch;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::{Outcome, USAGE};
pub use serve::ServeArguments;

/// Pictures labelled live: upload, watch, be alerted, search.
#[derive(Debug, Parser)]
#[command(
    name = "labelcast",
    version,
    long_version = env!("LABELCAST_VERSION"),
    propagate_version = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit status: 0 done, 1 failed (why is on standard error), 2 not understood.\n\
    `login`, `logout`, `upload`, `watch` and `search` talk to a server, on this machine or on AWS; the others work on a data directory, also \
    while `serve` runs on it.";

/// What each does stands at its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<ServeArguments>),
    Token(token::TokenArguments),
    Users(users::UsersArguments),
    Keys(keys::KeysArguments),
    Upload(upload::UploadArguments),
    Watch(watch::WatchArguments),
    Search(search::SearchArguments),
    Login(login::LoginArguments),
    Logout(login::LogoutArguments),
    Dead(dead::DeadArguments),
    Backup(backup::BackupArguments),
    Fsck(fsck::FsckArguments),
    Licenses(licenses::LicensesArguments),
    Completions(completions::CompletionsArguments),
    #[command(hide = true)]
    Manual(completions::ManualArguments),
}

/// The command line with all of its commands and options, for what describes it.
pub fn command() -> clap::Command {
    let mut command = <CommandLine as clap::CommandFactory>::command();
    command.build();
    command
}

/// Reads the arguments of the process, does what they ask, and tells how it went.
pub async fn run() -> ExitCode {
    let asked = match CommandLine::try_parse() {
        Ok(asked) => asked,
        Err(refused) => {
            // Nobody may be left to read the help.
            let _ = refused.print();
            return ExitCode::from(if refused.use_stderr() { USAGE } else { 0 });
        }
    };
    match Box::pin(execute(asked.command)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn execute(command: Command) -> Outcome {
    match command {
        Command::Serve(arguments) => arguments.run().await,
        Command::Token(arguments) => arguments.run().await,
        Command::Users(arguments) => arguments.run().await,
        Command::Keys(arguments) => arguments.run().await,
        Command::Upload(arguments) => Box::pin(arguments.run()).await,
        Command::Watch(arguments) => arguments.run().await,
        Command::Search(arguments) => arguments.run().await,
        Command::Login(arguments) => arguments.run().await,
        Command::Logout(arguments) => arguments.run().await,
        Command::Dead(arguments) => arguments.run().await,
        Command::Backup(arguments) => arguments.run().await,
        Command::Fsck(arguments) => arguments.run().await,
        Command::Licenses(_) => licenses::LicensesArguments::run(),
        Command::Completions(arguments) => arguments.run(CommandLine::command()),
        Command::Manual(arguments) => arguments.run(CommandLine::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_token_is_not_shown() {
        let asked = CommandLine::try_parse_from(["labelcast", "watch", "labels", "--token", "secret"]).unwrap();
        assert!(!format!("{asked:?}").contains("secret"));
    }
}
