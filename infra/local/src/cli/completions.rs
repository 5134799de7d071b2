//! `labelcast completions` and `labelcast manual`: files installed beside the binary.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::Outcome;

/// Print a script that completes commands and options in a shell
///
/// bash: `labelcast completions bash > ~/.local/share/bash-completion/completions/labelcast`.
/// zsh: into a file `_labelcast` in a directory of `$fpath`.
/// fish: `labelcast completions fish > ~/.config/fish/completions/labelcast.fish`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsArguments {
    pub(super) fn run(&self, mut command: Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "labelcast", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}

/// Write the manual pages, one for each command, into a directory
#[derive(Debug, Args)]
pub(super) struct ManualArguments {
    /// An existing directory
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl ManualArguments {
    pub(super) fn run(&self, command: Command) -> Outcome {
        // The short version: a page must not change with each commit.
        Ok(clap_mangen::generate_to(command.long_version(None::<&'static str>), &self.directory)?)
    }
}
