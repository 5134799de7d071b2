//! The command line.

mod backup;
mod client;
mod dead;
mod keys;
mod output;
mod search;
mod serve;
mod token;
mod upload;
mod users;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use serve::ServeArguments;

/// Pictures labelled live: upload, watch, be alerted, search.
#[derive(Debug, Parser)]
#[command(name = "labelcast", version, propagate_version = true, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve everything on this machine
    Serve(Box<ServeArguments>),
    /// Print an ID token for a local user
    Token(token::TokenArguments),
    /// Add, list, change or remove local users
    Users(users::UsersArguments),
    /// Add, list or remove the API keys of programs
    Keys(keys::KeysArguments),
    /// Upload pictures and print their labels as they come
    Upload(upload::UploadArguments),
    /// Print a topic's notifications as they come; reconnects and resumes
    Watch(watch::WatchArguments),
    /// Search images by their labels
    Search(search::SearchArguments),
    /// Write everything of a data directory into one file, while it is served
    Backup(backup::BackupArguments),
    /// List or redrive the dead letters of a data directory
    Dead(dead::DeadArguments),
}

/// Which data directory.
#[derive(Debug, Clone, Args)]
struct Data {
    /// The data directory
    #[arg(long, env = "LABELCAST_DATA", default_value = ".labelcast", value_name = "DIR", global = true)]
    data: PathBuf,
}

/// What a command ends with if it fails: words for people.
type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs what the arguments say. 0 is success, 1 failed, 2 not understood.
pub async fn run() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Serve(arguments) => arguments.run().await,
        Command::Token(arguments) => arguments.run().await,
        Command::Users(arguments) => arguments.run().await,
        Command::Keys(arguments) => arguments.run().await,
        Command::Upload(arguments) => arguments.run().await,
        Command::Watch(arguments) => arguments.run().await,
        Command::Search(arguments) => arguments.run().await,
        Command::Backup(arguments) => arguments.run().await,
        Command::Dead(arguments) => arguments.run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("labelcast: {error}"));
            ExitCode::FAILURE
        }
    }
}
