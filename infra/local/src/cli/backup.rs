use std::path::PathBuf;

use clap::Args;

use super::{Data, Outcome};
use crate::backup;
use crate::data::DataDirectory;

#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// The tar file to write; it holds secrets, so keep it well
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl BackupArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        tokio::task::spawn_blocking(move || backup::write(&directory, &self.file)).await??;
        Ok(())
    }
}
