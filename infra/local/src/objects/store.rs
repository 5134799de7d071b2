//! The port `Objects`, on files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use labelcast_functions::ports::{
    Clock, ListedObject, ObjectInfo, ObjectKey, ObjectRead, Objects, PortError, PortResult, Random, UploadForm,
};
use labelcast_functions::signing::{Credentials, PostForm, PresignedPost, post_form, presigned_get};
use tokio_util::io::ReaderStream;

use super::file::{self, Writing};
use super::listing;
use super::listing::PLACES;
use super::space;
use crate::data::REGION;
use crate::server::split_url;

/// The name of the bucket, as forms and events have it.
pub const BUCKET: &str = "labelcast";

/// The bucket as files under a folder of the data directory.
#[derive(Clone)]
pub struct FileObjects {
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    public_url: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Bytes of the disk that uploads leave free.
    floor: u64,
}

impl FileObjects {
    /// Objects under this folder; what was broken off in it before is removed. `public_url` is `scheme://host:port`, perhaps with a path.
    pub fn open(
        root: PathBuf,
        public_url: String,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> io::Result<Self> {
        Self::leaving_free(space::FLOOR, root, public_url, credentials, clock, random)
    }

    /// Objects under a folder that `serve` may work on at the same time: nothing is made or removed there. Forms and links
    /// that are signed here lead nowhere.
    pub fn beside(root: PathBuf, credentials: Credentials, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let (public_url, floor) = (String::new(), space::FLOOR);
        Self { shared: Arc::new(Shared { root, public_url, credentials, clock, random, floor }) }
    }

    pub(super) fn leaving_free(
        floor: u64,
        root: PathBuf,
        public_url: String,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> io::Result<Self> {
        for place in PLACES {
            fs::create_dir_all(root.join(place))?;
        }
        let parts = root.join("parts");
        if parts.exists() {
            fs::remove_dir_all(&parts)?;
        }
        fs::create_dir_all(&parts)?;
        file::sync_folder_of(&parts)?;
        file::sync_folder_of(&root)?;
        Ok(Self { shared: Arc::new(Shared { root, public_url, credentials, clock, random, floor }) })
    }

    /// Where an object is found; `key` is one of the bucket's, so that nothing in it needs encoding.
    pub(super) fn url_of(&self, key: &str) -> String {
        format!("{}/objects/{key}", self.shared.public_url)
    }

    /// Whether the disk has room for this many bytes more.
    pub fn has_room(&self, bytes: u64) -> io::Result<bool> {
        space::has_room(&self.shared.root, bytes, self.shared.floor)
    }

    /// The path of the public address, before that of each object.
    pub(super) fn path_prefix(&self) -> &str {
        split_url(&self.shared.public_url).1
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(super) fn random(&self) -> &dyn Random {
        &*self.shared.random
    }

    /// Our own key pair, for checks of signatures.
    pub fn look_up(&self, access_key_id: &str) -> Option<Credentials> {
        let ours = &self.shared.credentials;
        (ours.access_key_id == access_key_id).then(|| ours.clone())
    }

    /// Where a key's file lies; `None` for what is no key of the bucket, so that no path leads out of it.
    pub(super) fn place(&self, key: &str) -> Option<PathBuf> {
        let mut parts = key.split('/');
        let folder = parts.next().filter(|folder| PLACES.contains(folder))?;
        let mut place = self.shared.root.join(folder);
        let mut depth = 0;
        for part in parts {
            let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
            if !plain || part.is_empty() || part.bytes().all(|b| b == b'.') || part.len() > 130 {
                return None;
            }
            place.push(part);
            depth += 1;
        }
        (1..=2).contains(&depth).then_some(place)
    }

    fn place_of(&self, key: &ObjectKey) -> PortResult<PathBuf> {
        self.place(key.as_str())
            .ok_or_else(|| PortError::Failed { what: "an object", why: format!("`{key}` isn't a key of the bucket") })
    }

    pub(super) fn begin(&self) -> io::Result<Writing> {
        Writing::begin(self.shared.root.join("parts").join(self.random().id()))
    }
}

pub(super) fn port_error(error: &io::Error) -> PortError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PortError::Full { what: "an object" },
        _ => PortError::Failed { what: "an object", why: error.to_string() },
    }
}

/// File work, apart from the other work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> PortResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let failed = |error: tokio::task::JoinError| PortError::Failed { what: "an object", why: error.to_string() };
    done.map_err(failed)?.map_err(|error| port_error(&error))
}

/// The folder of a place, made and synced if it is new.
pub(super) fn make_folder_of(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(folder) if !folder.exists() => {
            fs::create_dir_all(folder)?;
            file::sync_folder_of(folder)
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Objects for FileObjects {
    async fn read(&self, key: &ObjectKey) -> PortResult<Option<ObjectRead>> {
        let place = self.place_of(key)?;
        let Some((file, info)) = blocking(move || file::open(&place)).await? else { return Ok(None) };
        let bytes = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), info.size);
        let bytes = ReaderStream::with_capacity(bytes, 256 * 1024).map_err(|error| port_error(&error)).boxed();
        Ok(Some(ObjectRead { info, bytes }))
    }

    async fn head(&self, key: &ObjectKey) -> PortResult<Option<ObjectInfo>> {
        let place = self.place_of(key)?;
        Ok(blocking(move || file::open(&place)).await?.map(|(_, info)| info))
    }

    async fn copy_if_unchanged(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> PortResult<bool> {
        let (from, to, etag) = (self.place_of(from)?, self.place_of(to)?, etag.to_owned());
        let link = self.shared.root.join("parts").join(self.random().id());
        blocking(move || {
            // A name of our own for the inode first: what is posted meanwhile is another inode.
            match fs::hard_link(&from, &link) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            }
            let unchanged = file::open(&link)?.is_some_and(|(_, info)| info.etag == etag);
            if !unchanged {
                fs::remove_file(&link)?;
                return Ok(false);
            }
            make_folder_of(&to)?;
            fs::rename(&link, &to)?;
            // Renaming one name of an inode onto another does nothing, and leaves it.
            let _ = fs::remove_file(&link);
            file::sync_folder_of(&to)?;
            Ok(true)
        })
        .await
    }

    async fn write(&self, key: &ObjectKey, _content_type: &str, bytes: Bytes) -> PortResult<()> {
        let place = self.place_of(key)?;
        let this = self.clone();
        blocking(move || {
            make_folder_of(&place)?;
            let mut writing = this.begin()?;
            writing.write(&bytes)?;
            writing.keep(&place).map(drop)
        })
        .await
    }

    async fn delete(&self, key: &ObjectKey) -> PortResult<()> {
        let place = self.place_of(key)?;
        blocking(move || match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ListedObject>> {
        let (root, prefix, after) = (self.shared.root.clone(), prefix.to_owned(), after.map(str::to_owned));
        blocking(move || listing::list(&root, &prefix, after.as_deref())).await
    }

    async fn sign_post(&self, form: &UploadForm) -> PortResult<PresignedPost> {
        let form = PostForm {
            bucket: BUCKET.to_owned(),
            key: form.key.to_string(),
            content_type: form.content_type.media_type().to_owned(),
            size: form.size.clone(),
            expires_at: form.expires_at,
        };
        let url = format!("{}/objects", self.shared.public_url);
        Ok(post_form(&form, &url, &self.shared.credentials, REGION, self.shared.clock.now()))
    }

    fn sign_get(&self, key: &ObjectKey, content_type: &str, valid: Duration) -> String {
        let (origin, prefix) = split_url(&self.shared.public_url);
        let path = format!("{prefix}/objects/{key}");
        let valid = chrono::Duration::from_std(valid).unwrap_or(chrono::Duration::minutes(5));
        let response = [("response-content-type", content_type)];
        let shared = &self.shared;
        presigned_get(origin, &path, &response, &shared.credentials, REGION, valid, shared.clock.now())
    }
}
