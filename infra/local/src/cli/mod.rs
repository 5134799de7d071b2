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
mod models;
mod output;
mod password;
mod remote;
mod search;
mod serve;
mod settings;
mod token;
mod upload;
mod users;
mod watch;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::{Outcome, USAGE};
pub use serve::ServeArguments;

/// Upload pictures, watch their labels appear live, get alerts, search
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

const AFTER_HELP: &str = "Exit status: 0 success, 1 failure (the reason is on standard error), 2 usage error.\n\
    `login`, `logout`, `upload`, `watch` and `search` talk to a server, local or on AWS; the other commands work on a data directory, \
    even while `serve` is running on it.";

/// The command to run; each is documented at its arguments.
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
    Models(models::ModelsArguments),
    Licenses(licenses::LicensesArguments),
    Completions(completions::CompletionsArguments),
    #[command(hide = true)]
    Manual(completions::ManualArguments),
}

/// The command line with all commands and options, for help, completions and manual pages.
pub fn command() -> clap::Command {
    let mut command = <CommandLine as clap::CommandFactory>::command();
    command.build();
    command
}

/// Parses the process's arguments, runs the command and reports its result.
pub async fn run() -> ExitCode {
    let arguments = match CommandLine::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => {
            // Nobody may be left to read the help.
            let _ = refused.print();
            return ExitCode::from(if refused.use_stderr() { USAGE } else { 0 });
        }
    };
    match Box::pin(execute(arguments.command)).await {
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
        Command::Models(arguments) => Box::pin(arguments.run()).await,
        Command::Licenses(_) => licenses::LicensesArguments::run(),
        Command::Completions(arguments) => arguments.run(CommandLine::command()),
        Command::Manual(arguments) => arguments.run(CommandLine::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn debug_output_hides_the_token() {
        let arguments = CommandLine::try_parse_from(["labelcast", "watch", "labels", "--token", "secret"]).unwrap();
        assert!(!format!("{arguments:?}").contains("secret"));
    }
}
