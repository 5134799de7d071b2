//! The data directory: where everything of one machine lies, and who may look into it.

mod clock;
mod secrets;

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use clock::{SystemClock, SystemRandom};
pub(crate) use secrets::letters;
pub use secrets::{REGION, Secrets, write_secret};

use crate::database;

/// A data directory, for its owner alone (0700).
#[derive(Debug, Clone)]
pub struct DataDirectory {
    path: PathBuf,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file system refused.
    #[error("the data directory {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another `serve` has it.
    #[error("another `labelcast serve` uses the data directory {0}; stop it first, or choose another with --data")]
    InUse(PathBuf),
    /// There is nothing in it yet.
    #[error("there is no Labelcast database in {0}; `labelcast serve` makes one, or name another with --data")]
    Empty(PathBuf),
    /// A secret in it cannot be read.
    #[error("{0} cannot be used: {1}")]
    Secret(PathBuf, String),
}

/// Held while serving: nobody else serves the same directory.
pub struct Lock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl DataDirectory {
    /// Opens a directory, making it if need be; one that others may look into is closed to them.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        Ok(Self { path })
    }

    /// Opens a directory that `serve` has been in.
    pub fn existing(path: &Path) -> Result<Self, DataError> {
        if !path.join(database::FILE_NAME).exists() {
            return Err(DataError::Empty(path.to_owned()));
        }
        Self::open(path)
    }

    /// Whether there is no Labelcast database in it, whatever else lies there (rule 24).
    pub fn is_first_start(&self) -> bool {
        !self.path.join(database::FILE_NAME).exists()
    }

    /// Takes the directory for serving.
    pub fn lock(&self) -> Result<Lock, DataError> {
        let failed = |source| DataError::Io { path: self.path.clone(), source };
        let file = File::create(self.path.join("serve.lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(DataError::InUse(self.path.clone())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where objects lie.
    pub fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_is_for_its_owner_alone_and_so_are_its_secrets() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let directory = DataDirectory::open(&path).unwrap();
        Secrets::of(&directory, &SystemRandom).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("signing-key.pem")), 0o600);
        assert_eq!(mode(&path.join("credentials")), 0o600);
    }

    #[test]
    fn two_do_not_serve_one_directory() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let held = directory.lock().unwrap();
        assert!(matches!(directory.lock(), Err(DataError::InUse(_))));
        drop(held);
        directory.lock().unwrap();
    }

    #[test]
    fn secrets_are_made_once() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let first = Secrets::of(&directory, &SystemRandom).unwrap();
        let again = Secrets::of(&directory, &SystemRandom).unwrap();
        assert_eq!(first.credentials.access_key_id, again.credentials.access_key_id);
        assert_eq!(first.credentials.secret_access_key, again.credentials.secret_access_key);
        assert_eq!((first.issuer, first.client_id), (again.issuer, again.client_id));
    }
}
