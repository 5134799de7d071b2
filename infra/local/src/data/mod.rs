//! The data directory: its layout and its permissions.

mod secrets;

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) use secrets::random_id;
pub use secrets::{REGION, Secrets};

use crate::database;
use crate::permissions::close_file;

/// Set on folders in which everybody may keep something.
const STICKY: u32 = 0o1000;

/// A data directory, for its owner alone (0700).
#[derive(Debug, Clone)]
pub struct DataDirectory {
    path: PathBuf,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file system refused.
    #[error("data directory {path}: {source}")]
    Io {
        /// The file or folder that it is about.
        path: PathBuf,
        /// Why, in the system's words.
        source: io::Error,
    },
    /// Closing it to others would take it from them.
    #[error("{0} contains files of other programs; choose a directory for Labelcast alone with --data")]
    Shared(PathBuf),
    /// What is written here would not be its owner's.
    #[error(
        "the data directory {path} belongs to user {owner}, and you are user {me}: run this as its owner \
         (sudo -u '#{owner}' labelcast …), or name another directory with --data"
    )]
    OtherOwner {
        /// The file or folder that it is about.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The user id that this process runs as.
        me: u32,
    },
    /// Another `serve` has it.
    #[error(
        "data directory {0} is in use by another `labelcast serve` (or `fsck`); stop it first, or choose another with --data"
    )]
    InUse(PathBuf),
    /// There is nothing in it yet.
    #[error("no Labelcast database in {0}; create one with `labelcast serve`, or choose another directory with --data")]
    Empty(PathBuf),
    /// A secret in it cannot be read.
    #[error("{0} cannot be used: {1}")]
    Secret(PathBuf, String),
}

/// Held while serving: nobody else serves the same directory.
pub struct Lock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl DataDirectory {
    /// Opens a directory, making it if need be; one that others may look into is closed to them, unless it is for all
    /// (like `/tmp`).
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        if !path.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        }
        let path = path.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&path).map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & STICKY != 0 || path.parent().is_none() {
            return Err(DataError::Shared(path));
        }
        own(&path, metadata.uid(), rustix::process::geteuid().as_raw())?;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "the data directory was accessible to other users; now restricted to its owner (0700)");
        }
        if mode & 0o777 != 0o700 {
            fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(Self { path })
    }

    /// Opens a directory that `serve` has been in.
    pub fn existing(path: &Path) -> Result<Self, DataError> {
        if !path.join(database::FILE_NAME).exists() {
            return Err(DataError::Empty(path.to_owned()));
        }
        Self::open(path)
    }

    /// Takes the directory for serving.
    pub fn lock(&self) -> Result<Lock, DataError> {
        let failed = |source| DataError::Io { path: self.path.clone(), source };
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(self.path.join("serve.lock"));
        let file = file.map_err(failed)?;
        close_file(&file).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(DataError::InUse(self.path.clone())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where the data directory is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder in which objects are kept.
    pub fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }
}

/// Whether a directory of this owner may be used by this user: also the superuser's files would not be the owner's.
fn own(path: &Path, owner: u32, me: u32) -> Result<(), DataError> {
    if owner == me { Ok(()) } else { Err(DataError::OtherOwner { path: path.to_owned(), owner, me }) }
}

/// From now on, files that this process makes are for its user alone (0600, folders 0700), whatever the umask was: those of
/// the database and its log, which SQLite makes, too. Called before there are threads.
pub fn close_to_others() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use labelcast_functions::system::SystemRandom;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_data_directory_and_its_secrets_are_accessible_only_to_their_owner() {
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
    fn permissions_of_a_readable_secret_are_tightened() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        Secrets::of(&directory, &SystemRandom).unwrap();
        let path = place.path().join("credentials");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        Secrets::of(&directory, &SystemRandom).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn permissions_of_a_shared_folder_are_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(matches!(DataDirectory::open(place.path()), Err(DataError::Shared(_))));
        assert!(matches!(DataDirectory::open(Path::new("/")), Err(DataError::Shared(_))));
        assert_eq!(mode(place.path()), 0o777);
    }

    #[test]
    fn commands_creating_secrets_concurrently_agree_on_them() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let made: BTreeSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| Secrets::of(&directory, &SystemRandom).unwrap())).collect();
            let secrets = threads.into_iter().map(|thread| thread.join().unwrap());
            secrets.map(|all| (all.signing_key, all.credentials.secret_access_key, all.issuer, all.client_id)).collect()
        });
        assert_eq!(made.len(), 1);
        let files =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
        assert_eq!(files, ["credentials", "identity", "signing-key.pem"].map(Into::into).into());
    }

    #[test]
    fn a_directory_owned_by_another_user_is_refused_naming_the_owner() {
        own(Path::new("/data"), 1_000, 1_000).unwrap();
        let refused = own(Path::new("/data"), 1_000, 0).unwrap_err().to_string();
        assert!(refused.contains("belongs to user 1000, and you are user 0"), "{refused}");
    }

    #[test]
    fn two_servers_cannot_share_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let held = directory.lock().unwrap();
        assert!(matches!(directory.lock(), Err(DataError::InUse(_))));
        drop(held);
        directory.lock().unwrap();
    }

    #[test]
    fn secrets_are_created_once() {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let first = Secrets::of(&directory, &SystemRandom).unwrap();
        let again = Secrets::of(&directory, &SystemRandom).unwrap();
        assert_eq!(first.credentials.access_key_id, again.credentials.access_key_id);
        assert_eq!(first.credentials.secret_access_key, again.credentials.secret_access_key);
        assert_eq!((first.issuer, first.client_id), (again.issuer, again.client_id));
    }
}
