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

/// Check that rows and files of a data directory agree, also while it is served
///
/// Finds files that no image uses, images of which files are missing, uploads that nothing works on, what killed processes
/// left half written, and damage to the database. Exit status 0 if all is well or repaired, 1 if not.
#[derive(Debug, Args)]
pub(super) struct FsckArguments {
    #[command(flatten)]
    data: Data,
    /// Remove files that no image uses, what is half written, and images whose files are missing
    #[arg(long)]
    repair: bool,
    /// One JSON object a line: kind, path, detail, repaired
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
            let hint = if self.repair { "" } else { "; --repair repairs what can be" };
            return Err(Failure::failed(format!("{} problems, {left} of them not repaired{hint}", found.len())));
        }
        if !self.json {
            output::line(&format!("no problems left, {} repaired", found.len()))?;
        }
        Ok(())
    }
}
