//! Stores sign-ins between commands, in a file with mode 0600 in the user's configuration folder.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// How long to wait for the lock: its holder renews a token, which takes no longer.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// A sign-in at one server.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::cli) struct SignIn {
    pub(in crate::cli) client_id: String,
    pub(in crate::cli) token_endpoint: String,
    pub(in crate::cli) revocation_endpoint: Option<String>,
    pub(in crate::cli) refresh_token: String,
    /// The last ID token, shared by all commands until it expires.
    pub(in crate::cli) id_token: String,
    pub(in crate::cli) expires_at: DateTime<Utc>,
}

#[derive(Default, Serialize, Deserialize)]
struct Contents {
    /// Sign-ins by server address.
    #[serde(default)]
    servers: BTreeMap<String, SignIn>,
}

/// The file of sign-ins. Every change is made under the lock and replaces the whole file.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Store {
    folder: PathBuf,
}

/// The lock held while a sign-in is read, renewed and written: concurrent commands wait for each other, and none uses a
/// refresh token that another has just exchanged.
pub(in crate::cli) struct Locked {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// In `$XDG_CONFIG_HOME/labelcast`, else in `~/.config/labelcast` (XDG Base Directory Specification).
    pub(in crate::cli) fn of_user() -> Result<Self, String> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".config"));
        let folder = absolute("XDG_CONFIG_HOME").or_else(home);
        let folder = folder.ok_or("nowhere to keep sign-ins: set HOME or XDG_CONFIG_HOME")?;
        Ok(Self { folder: folder.join("labelcast") })
    }

    /// The sign-in stored for a server, if any.
    pub(in crate::cli) fn find(&self, server: &Url) -> io::Result<Option<SignIn>> {
        Ok(read(&self.folder)?.servers.remove(&key(server)))
    }

    /// Waits for the lock.
    pub(in crate::cli) async fn lock(&self) -> io::Result<Locked> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join("sign-ins.lock");
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Locked { folder: self.folder.clone(), _lock: lock }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIMEOUT => tokio::time::sleep(LOCK_RETRY).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "another command has locked the sign-ins"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Locked {
    pub(in crate::cli) fn find(&self, server: &Url) -> io::Result<Option<SignIn>> {
        Ok(read(&self.folder)?.servers.remove(&key(server)))
    }

    /// Stores a sign-in, or deletes it.
    pub(in crate::cli) fn set(&self, server: &Url, sign_in: Option<SignIn>) -> io::Result<()> {
        let mut contents = read(&self.folder)?;
        match sign_in {
            Some(sign_in) => contents.servers.insert(key(server), sign_in),
            None => contents.servers.remove(&key(server)),
        };
        // Made 0600, and put in place as a whole: nobody reads half of it, and nobody else at all.
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(&contents)?)?;
        file.as_file().sync_all()?;
        file.persist(path(&self.folder)).map_err(|error| error.error)?;
        Ok(())
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("sign-ins.json")
}

fn read(folder: &Path) -> io::Result<Contents> {
    let path = path(folder);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
        Err(error) => return Err(error),
    };
    if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    }
    serde_json::from_slice(&text)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
}

/// The normalised address of a server, used as the key.
fn key(server: &Url) -> String {
    let mut url = server.clone();
    url.set_query(None);
    url.set_fragment(None);
    let text = url.as_str().trim_end_matches('/');
    text.strip_suffix("/web").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(token: &str) -> SignIn {
        SignIn {
            client_id: "cli".to_owned(),
            token_endpoint: "https://a.example/oauth2/token".to_owned(),
            revocation_endpoint: None,
            refresh_token: token.to_owned(),
            id_token: String::new(),
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn sign_ins_are_stored_per_server_and_readable_only_by_their_owner() {
        let place = tempfile::tempdir().unwrap();
        let store = Store { folder: place.path().join("labelcast") };
        let server = |text: &str| -> Url { text.parse().unwrap() };
        assert!(store.find(&server("https://a.example")).unwrap().is_none());
        {
            let locked = store.lock().await.unwrap();
            locked.set(&server("https://a.example/stage"), Some(sign_in("a"))).unwrap();
            locked.set(&server("https://b.example"), Some(sign_in("b"))).unwrap();
        }
        for same in ["https://a.example/stage", "https://A.example/stage/", "https://a.example/stage/web/"] {
            assert_eq!(store.find(&server(same)).unwrap().unwrap().refresh_token, "a", "{same}");
        }
        assert!(store.find(&server("https://a.example")).unwrap().is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store.folder), mode(&path(&store.folder))), (0o700, 0o600));
        fs::set_permissions(path(&store.folder), Permissions::from_mode(0o644)).unwrap();
        store.lock().await.unwrap().set(&server("https://b.example"), None).unwrap();
        assert!(store.find(&server("https://b.example")).unwrap().is_none());
        assert_eq!(mode(&path(&store.folder)), 0o600);
    }

    #[tokio::test]
    async fn only_one_command_at_a_time_changes_stored_sign_ins() {
        let place = tempfile::tempdir().unwrap();
        let store = Store { folder: place.path().to_owned() };
        let held = store.lock().await.unwrap();
        let other = tokio::spawn({
            let store = store.clone();
            async move { store.lock().await.map(drop) }
        });
        tokio::time::sleep(LOCK_RETRY * 2).await;
        assert!(!other.is_finished());
        drop(held);
        other.await.unwrap().unwrap();
    }
}
