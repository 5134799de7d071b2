use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use labelcast_functions::model::{ImageFiles, ImageId, ImageType, Upload, UploadId, UploadState};
use labelcast_functions::ports::{Created, NewImage, Quota};
use labelcast_functions::system::{SystemClock, SystemRandom};
use tempfile::TempDir;

use super::*;
use crate::data::Secrets;
use crate::store::{SqliteImages, SqliteUploads};

struct Site {
    check: Check,
    _place: TempDir,
}

impl Site {
    fn open(served: bool) -> Self {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(&place.path().join("data")).unwrap();
        let database = Database::open(directory.path()).unwrap();
        let secrets = Secrets::of(&directory, &SystemRandom).unwrap();
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let objects =
            FileObjects::open(directory.objects(), String::new(), secrets.credentials, clock, random).unwrap();
        let leftovers = Leftovers {
            images: Arc::new(SqliteImages::new(database.clone())),
            uploads: Arc::new(SqliteUploads::new(database.clone())),
            objects: Arc::new(objects.clone()),
        };
        let nobody_serves = (!served).then(|| directory.lock().unwrap());
        Self { check: Check { directory, database, objects, leftovers, nobody_serves, repair: false }, _place: place }
    }

    async fn put(&self, key: &ObjectKey, bytes: &'static [u8]) {
        self.check.objects.write(key, "image/png", Bytes::from_static(bytes)).await.unwrap();
    }

    async fn begin(&self, id: &str) -> UploadId {
        let upload = Upload {
            id: id.parse().unwrap(),
            user: "anna".parse().unwrap(),
            name: "cat.png".to_owned(),
            state: UploadState::Pending,
            image_id: None,
            reason: None,
            created_at: Utc::now(),
            detached: false,
        };
        let quota = Quota { per_hour: 10, since: DateTime::UNIX_EPOCH };
        assert_eq!(self.check.leftovers.uploads.create(&upload, quota).await.unwrap(), Created::Stored);
        upload.id
    }

    /// With its files.
    async fn image(&self, id: &str, digest: u8) -> ImageId {
        let upload = self.begin(id).await;
        let new = NewImage {
            id: ImageId::from_digest([digest; 32]),
            content_type: ImageType::Png,
            size: 7,
            width: 1,
            height: 1,
            uploaded_at: Utc::now(),
        };
        let image = self.check.leftovers.images.attach(&new, &upload).await.unwrap().unwrap();
        for key in ObjectKey::all_of(&image.files()) {
            self.put(&key, b"picture").await;
        }
        new.id
    }

    async fn found(&self) -> Vec<(Kind, String, bool)> {
        let found = self.check.run().await.unwrap();
        found.into_iter().map(|finding| (finding.kind, finding.path, finding.repaired)).collect()
    }
}

fn old(path: &Path) {
    let file = fs::File::options().append(true).mode(0o600).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(1)).unwrap();
}

/// What an earlier version left: files by the image's id alone, of no row.
#[tokio::test]
async fn only_files_unused_by_any_image_are_found_and_removed() {
    let mut site = Site::open(true);
    site.image("aaaa", 1).await;
    let legacy = ImageFiles { image_id: ImageId::from_digest([2; 32]), generation: None };
    let late = ImageFiles { image_id: ImageId::from_digest([3; 32]), generation: Some("aaaa".parse().unwrap()) };
    let under_way = ImageFiles { image_id: ImageId::from_digest([4; 32]), generation: Some(site.begin("bbbb").await) };
    for files in [&legacy, &late, &under_way] {
        site.put(&ObjectKey::original(files), b"picture").await;
    }
    let mut expected = [&legacy, &late].map(|files| format!("objects/{}", ObjectKey::original(files)));
    expected.sort();
    let all = |repaired| expected.clone().map(|path| (Kind::LeftOverFile, path, repaired)).to_vec();
    assert_eq!(site.found().await, all(false));
    assert_eq!(site.found().await, all(false), "looking changes nothing");
    site.check.repair = true;
    assert_eq!(site.found().await, all(true));
    assert_eq!(site.found().await, []);
    // Once nobody serves, nothing is under way.
    site.check.nobody_serves = Some(site.check.directory.lock().unwrap());
    let path = format!("objects/{}", ObjectKey::original(&under_way));
    assert_eq!(site.found().await, [(Kind::LeftOverFile, path, true)]);
    assert_eq!(site.found().await, []);
}

#[tokio::test]
async fn an_image_without_its_files_is_found_and_removed() {
    let mut site = Site::open(false);
    let (whole, cut, gone) = (site.image("aaaa", 1).await, site.image("bbbb", 2).await, site.image("cccc", 3).await);
    let images = site.check.leftovers.images.clone();
    let files = |id: ImageId| {
        let images = images.clone();
        async move { images.get(&id).await.unwrap().unwrap().files() }
    };
    let (cut_key, gone_key) = (ObjectKey::processed(&files(cut).await), ObjectKey::thumbnail(&files(gone).await));
    site.put(&cut_key, b"pic").await;
    site.check.objects.delete(&gone_key).await.unwrap();
    let expected = |repaired| [&cut_key, &gone_key].map(|key| (Kind::MissingFile, format!("objects/{key}"), repaired));
    assert_eq!(site.found().await, expected(false));
    site.check.repair = true;
    assert_eq!(site.found().await, expected(true));
    assert_eq!(site.found().await, []);
    assert!(images.get(&whole).await.unwrap().is_some() && images.get(&cut).await.unwrap().is_none());
}

#[tokio::test]
async fn interrupted_writes_and_orphaned_uploads_are_found() {
    let mut site = Site::open(false);
    let root = site.check.directory.path().to_owned();
    let waits = ObjectKey::new_upload(&site.begin("aaaa").await);
    let unknown = ObjectKey::new_upload(&"bbbb".parse().unwrap());
    for key in [&waits, &unknown] {
        site.put(key, b"picture").await;
        old(&root.join("objects").join(key.as_str()));
    }
    fs::write(root.join("objects/parts/0f3c"), "half").unwrap();
    fs::create_dir(root.join(".backup-killed")).unwrap();
    fs::write(root.join(".backup-killed/lock"), "").unwrap();
    fs::create_dir_all(root.join("objects/original/ab")).unwrap();
    fs::write(root.join("objects/original/ab/notes.txt"), "mine").unwrap();
    site.check.repair = true;
    let found = site.found().await;
    let expected = [
        (Kind::UnknownFile, "objects/original/ab/notes.txt", false),
        (Kind::ObjectWithoutJob, "objects/new/aaaa", false),
        (Kind::LeftOverFile, "objects/new/bbbb", true),
        (Kind::UnfinishedFile, ".backup-killed", true),
        (Kind::UnfinishedFile, "objects/parts/0f3c", true),
    ];
    assert_eq!(found, expected.map(|(kind, path, repaired)| (kind, path.to_owned(), repaired)));
    assert!(root.join("objects/new/aaaa").exists() && root.join("objects/original/ab/notes.txt").exists());
    assert_eq!(site.found().await.len(), 2);
}
