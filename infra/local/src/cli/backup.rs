use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::arguments::Data;
use super::failure::Outcome;
use crate::backup;
use crate::data::DataDirectory;

/// Back up a data directory into one tar file, even while `serve` is running
///
/// Only its owner can read the file: it contains a consistent copy of the database, the secrets and all pictures. To
/// restore it, unpack it into a new directory: mkdir DIR && tar -xpf FILE -C DIR && labelcast serve --data DIR
#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// File to write; must not exist yet. It contains secrets: store it safely
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl BackupArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stopping.cancel();
        });
        tokio::task::spawn_blocking(move || backup::write(&directory, &self.file, &stop)).await??;
        Ok(())
    }
}
