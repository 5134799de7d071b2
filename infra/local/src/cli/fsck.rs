use std::sync::Arc;

use clap::Args;
use labelcast_functions::images::Leftovers;
use labelcast_functions::system::{SystemClock, SystemRandom};

use super::arguments::Data;
use super::failure::{Failure, Outcome};
use super::output;
use crate::data::{DataDirectory, Secrets};
use crate::database::Database;
use crate::fsck::Check;
use crate::objects::FileObjects;
use crate::store::{SqliteImages, SqliteUploads};

/// Check that the database and the files of a data directory agree, even while `serve` is running
///
/// Finds orphaned files, images with missing files, stuck uploads, files left half-written by killed processes, and database
/// corruption. Exit status 0 if no problem is left, 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct FsckArguments {
    #[command(flatten)]
    data: Data,
    /// Remove orphaned and half-written files, and images whose files are missing
    #[arg(long)]
    repair: bool,
    /// Print one JSON object per line: kind, path, detail, repaired
    #[arg(long)]
    json: bool,
}

impl FsckArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let nobody_serves = directory.lock().ok();
        let database = Database::open(directory.path())?;
        let secrets = Secrets::of(&directory, &SystemRandom)?;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let objects = FileObjects::beside(directory.objects(), secrets.credentials, clock, random);
        let leftovers = Leftovers {
            images: Arc::new(SqliteImages::new(database.clone())),
            uploads: Arc::new(SqliteUploads::new(database.clone())),
            objects: Arc::new(objects.clone()),
        };
        let check = Check { directory, database, objects, leftovers, nobody_serves, repair: self.repair };
        let found = check.run().await?;
        for finding in &found {
            if self.json {
                output::json(finding)?;
            } else {
                let repaired = if finding.repaired { " (repaired)" } else { "" };
                output::line(&format!("{:<18}  {}  {}{repaired}", finding.kind.words(), finding.path, finding.detail))?;
            }
        }
        let left = found.iter().filter(|finding| !finding.repaired).count();
        if left > 0 {
            let hint = if self.repair { "" } else { "; run again with --repair to repair what can be repaired" };
            return Err(Failure::failed(format!("{} problems found, {left} not repaired{hint}", found.len())));
        }
        if !self.json {
            output::line(&format!("no problems left; {} repaired", found.len()))?;
        }
        Ok(())
    }
}
