//! Temporary files, which the next process removes if this one is killed.
//!
//! Each is held by a lock that ends with its process: what nobody holds is left over.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::{NamedTempFile, TempDir};

/// Of folders in the data directory.
const FOLDER: &str = ".backup-";
/// Of files beside the backup.
const FILE: &str = ".labelcast-backup-";
/// The file in a folder that is locked.
const LOCK: &str = "lock";
/// A folder without its lock is being made, unless it is older than this.
const BEING_MADE: Duration = Duration::from_mins(10);

/// A folder that goes away when it is dropped.
pub(super) struct HeldFolder {
    folder: TempDir,
    _lock: File,
}

impl HeldFolder {
    pub(super) fn make_in(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(FOLDER).tempdir_in(parent)?;
        let lock = File::options().write(true).create_new(true).mode(0o600).open(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A file that gets its name once it is whole.
pub(super) enum UnfinishedFile {
    /// It has no name yet: nothing is left of it when the process ends.
    Unnamed(File),
    /// Where the file system knows no files without a name.
    Named(NamedTempFile),
}

impl UnfinishedFile {
    /// Makes one that will be in this folder, for its owner alone.
    pub(super) fn make_in(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Ok(Self::Unnamed(file.into())),
            // Which error it is differs from file system to file system; a folder that is not there is one for all.
            Err(_) => Self::named_in(folder),
        }
    }

    pub(super) fn named_in(folder: &Path) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(FILE).tempfile_in(folder)?;
        // Best effort: not every network file system has locks, and then nobody takes it for left over either.
        let _ = file.as_file().lock();
        Ok(Self::Named(file))
    }

    /// Another handle for writing.
    pub(super) fn reopen(&self) -> io::Result<File> {
        match self {
            Self::Unnamed(file) => file.try_clone(),
            Self::Named(file) => file.reopen(),
        }
    }

    /// Gives it its name, which nothing may have.
    pub(super) fn persist(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Unnamed(file) => {
                use std::os::fd::AsRawFd;
                let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
                Ok(rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
            }
            Self::Named(file) => file.persist_noclobber(path).map(drop).map_err(|refused| refused.error),
        }
    }
}

/// What backups that were killed left in these folders: in the data directory, and where a backup was written to.
pub(crate) fn left_over_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        let is_left = match () {
            () if kind.is_dir() && name.starts_with(FOLDER) => match File::open(entry.path().join(LOCK)) {
                Ok(lock) => nobody_holds(&lock),
                Err(_) => is_older(&entry, BEING_MADE),
            },
            () if kind.is_file() && name.starts_with(FILE) => {
                File::open(entry.path()).is_ok_and(|file| nobody_holds(&file)) && is_older(&entry, Duration::ZERO)
            }
            () => false,
        };
        if is_left {
            left.push(entry.path());
        }
    }
    Ok(left)
}

/// Removes what [`left_over_in`] finds; what cannot be removed is logged and left.
pub(crate) fn remove_left_over(folder: &Path) {
    for path in left_over_in(folder).unwrap_or_default() {
        match remove(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "removed the remains of an interrupted backup"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "could not remove the remains of an interrupted backup");
            }
        }
    }
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn nobody_holds(file: &File) -> bool {
    file.try_lock().is_ok()
}

fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|passed| passed >= age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unheld_temporary_file_is_stale_and_one_being_written_is_not() {
        let place = tempfile::tempdir().unwrap();
        let held = HeldFolder::make_in(place.path()).unwrap();
        let writing = UnfinishedFile::named_in(place.path()).unwrap();
        fs::write(place.path().join("labelcast.db"), "precious").unwrap();
        assert_eq!(left_over_in(place.path()).unwrap(), Vec::<PathBuf>::new());
        // As after `kill -9`: the locks are gone, the files are not.
        let killed = place.path().join(".backup-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        let cut_off = place.path().join(".labelcast-backup-killed");
        fs::write(&cut_off, "half a backup").unwrap();
        let mut left = left_over_in(place.path()).unwrap();
        left.sort();
        assert_eq!(left, [killed.clone(), cut_off.clone()]);
        remove_left_over(place.path());
        assert!(!killed.exists() && !cut_off.exists() && held.path().exists());
        drop((held, writing));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_gets_its_name_only_when_complete_and_never_replaces_another() {
        for make in [UnfinishedFile::make_in, UnfinishedFile::named_in] {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("backup.tar");
            make(place.path()).unwrap().persist(&target).unwrap();
            assert!(target.exists());
            let refused = make(place.path()).unwrap().persist(&target).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        }
    }
}
