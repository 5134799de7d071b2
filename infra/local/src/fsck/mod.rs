//! Checks that rows and files of a data directory agree, also while it is served, and repairs what can be.

mod finding;
mod images;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt;
use labelcast_functions::images::{FileUse, Leftovers};
use labelcast_functions::ports::{ObjectKey, Objects, PortError, PortResult, list_all};

pub use finding::{Finding, Kind};

use crate::backup;
use crate::data::{DataDirectory, Lock};
use crate::database::Database;
use crate::jobs::keys_with_job;
use crate::objects::FileObjects;

/// An object may be without its job for so many seconds while its form is being acknowledged.
const BEING_ANSWERED: i64 = 60;

/// Why a check came to no end.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database did not respond.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The file system returned an error.
    #[error("cannot read {path}: {why}", path = path.display())]
    Read {
        /// The file or folder that could not be read.
        path: PathBuf,
        /// Why, in the system's words.
        why: io::Error,
    },
}

/// What is checked: rows against files.
pub struct Check {
    /// The data directory that is checked.
    pub directory: DataDirectory,
    /// The database of the directory.
    pub database: Database,
    /// The files of uploads and images.
    pub objects: FileObjects,
    /// What finds files that nothing uses.
    pub leftovers: Leftovers,
    /// Held while nobody serves the directory; `None` beside a running `serve`.
    pub nobody_serves: Option<Lock>,
    /// Whether to repair what can be.
    pub repair: bool,
}

impl Check {
    /// Looks at everything, and returns what is not as it should be.
    pub async fn run(&self) -> Result<Vec<Finding>, CheckError> {
        let mut found = self.database().await?;
        found.extend(self.images().await?);
        found.extend(self.files().await?);
        found.extend(self.new_objects().await?);
        found.extend(self.unfinished()?);
        Ok(found)
    }

    async fn database(&self) -> PortResult<Vec<Finding>> {
        let reports: Vec<String> = self
            .database
            .read(|connection| {
                let mut check = connection.prepare("PRAGMA quick_check(10)")?;
                let mut reports = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
                reports.retain(|report| report != "ok");
                let mut broken = connection.prepare("PRAGMA foreign_key_check")?;
                let broken = broken.query_map([], |row| row.get::<_, String>(0))?.count();
                if broken > 0 {
                    reports.push(format!("{broken} rows refer to missing rows"));
                }
                Ok(reports)
            })
            .await?;
        let finding = |report| Finding {
            kind: Kind::DamagedDatabase,
            path: crate::database::FILE_NAME.to_owned(),
            detail: format!("{report}; restore a backup"),
            repaired: false,
        };
        Ok(reports.into_iter().map(finding).collect())
    }

    /// Files that no image uses.
    async fn files(&self) -> Result<Vec<Finding>, CheckError> {
        let mut found = Vec::new();
        for place in ObjectKey::FILES {
            for folder in folders(&self.directory.objects().join(place))? {
                self.folder(&format!("{place}/{folder}/"), &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn folder(&self, prefix: &str, found: &mut Vec<Finding>) -> PortResult<()> {
        let mut listings = list_all(&self.objects, prefix);
        while let Some(listed) = listings.try_next().await? {
            for object in listed.iter().filter(|object| ObjectKey::files_of(&object.key).is_none()) {
                found.push(Finding {
                    kind: Kind::UnknownFile,
                    path: format!("objects/{}", object.key),
                    detail: "not created by Labelcast; move it elsewhere".to_owned(),
                    repaired: false,
                });
            }
            for (object, files) in self.leftovers.without_row(&listed).await? {
                let left = match self.leftovers.use_of(&files).await? {
                    FileUse::Used => false,
                    // The job writes it again, should there be one.
                    FileUse::Undecided => self.nobody_serves.is_some(),
                    FileUse::LeftOver => true,
                };
                if left {
                    if self.repair {
                        self.objects.delete(&ObjectKey::listed(object)).await?;
                    }
                    let (path, detail) = (format!("objects/{}", object.key), "not used by any image".to_owned());
                    found.push(Finding { kind: Kind::LeftOverFile, path, detail, repaired: self.repair });
                }
            }
        }
        Ok(())
    }

    /// Objects that forms made: `serve` gives them a job when it starts.
    async fn new_objects(&self) -> PortResult<Vec<Finding>> {
        let (known, before) = (keys_with_job(&self.database).await?, Utc::now() - TimeDelta::seconds(BEING_ANSWERED));
        let mut found = Vec::new();
        let mut listings = list_all(&self.objects, ObjectKey::NEW);
        while let Some(listed) = listings.try_next().await? {
            for object in listed.iter().filter(|object| object.modified < before && !known.contains(&object.key)) {
                let path = format!("objects/{}", object.key);
                let upload = match ObjectKey::upload_id(&object.key) {
                    Some(id) => self.leftovers.uploads.get(&id).await?,
                    None => None,
                };
                found.push(if upload.is_some_and(|upload| upload.may_attach()) {
                    let detail = "no job is processing it; `labelcast serve` resumes it when it starts".to_owned();
                    Finding { kind: Kind::ObjectWithoutJob, path, detail, repaired: false }
                } else {
                    if self.repair {
                        self.objects.delete(&ObjectKey::listed(object)).await?;
                    }
                    let detail = "not used by any upload".to_owned();
                    Finding { kind: Kind::LeftOverFile, path, detail, repaired: self.repair }
                });
            }
        }
        Ok(found)
    }

    /// What processes that were killed left half written.
    fn unfinished(&self) -> Result<Vec<Finding>, CheckError> {
        let root = self.directory.path();
        let failed = |path: &Path, why| CheckError::Read { path: path.to_owned(), why };
        let mut paths = backup::left_over_in(root).map_err(|why| failed(root, why))?;
        let parts = self.directory.objects().join("parts");
        // While somebody serves, these are being written.
        if self.nobody_serves.is_some() && parts.exists() {
            let entries = fs::read_dir(&parts).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            paths.extend(entries.map_err(|why| failed(&parts, why))?.into_iter().map(|entry| entry.path()));
        }
        let finding = |path: PathBuf| {
            let detail = "left by a process that was killed while writing it".to_owned();
            let repaired = self.repair && backup::remove(&path).is_ok();
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            Finding { kind: Kind::UnfinishedFile, path, detail, repaired }
        };
        Ok(paths.into_iter().map(finding).collect())
    }
}

/// The names of the folders in a folder, in order; none if it is not there.
fn folders(path: &Path) -> Result<Vec<String>, CheckError> {
    let failed = |why| CheckError::Read { path: path.to_owned(), why };
    let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(failed(why)),
    };
    let names = entries.into_iter().filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
