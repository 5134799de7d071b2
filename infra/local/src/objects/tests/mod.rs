//! The bucket over real sockets and real files.

mod posted;
mod served;
mod stored;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use labelcast_functions::model::{ImageType, NewObject};
use labelcast_functions::ports::{Clock, ObjectKey, Objects, PortError, PortResult, UploadForm};
use labelcast_functions::signing::{Credentials, PresignedPost};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{FileObjects, ObjectCreated, router};
use crate::jobs::Reservation;
use crate::server::{Server, Tls};
use labelcast_functions::system::SystemRandom;

struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Records the objects reported to it, or refuses them for lack of room.
#[derive(Default)]
struct Reported {
    objects: Mutex<Vec<NewObject>>,
    is_full: AtomicBool,
    is_overloaded: AtomicBool,
}

#[async_trait]
impl ObjectCreated for Reported {
    fn reserve(&self) -> PortResult<Reservation> {
        if self.is_overloaded.load(Ordering::Relaxed) {
            return Err(PortError::Overloaded { what: "the backlog", retry_after: std::time::Duration::from_secs(1) });
        }
        Ok(Reservation::without_bound())
    }

    async fn created(&self, _: Reservation, object: NewObject) -> PortResult<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(PortError::Full { what: "a step" });
        }
        self.objects.lock().unwrap().push(object);
        Ok(())
    }
}

struct Site {
    url: String,
    client: Client,
    objects: FileObjects,
    reported: Arc<Reported>,
    clock: Arc<Hand>,
    place: TempDir,
    _serving: DropGuard,
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new_upload(&name.parse().unwrap())
}

impl Site {
    fn open() -> Self {
        Self::leaving_free(0)
    }

    fn leaving_free(floor: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let server = Server::listen("127.0.0.1:0".parse().unwrap(), &Tls::None).unwrap();
        let url = format!("http://{}", server.address().unwrap());
        let clock = Arc::new(Hand(Mutex::new("2026-11-21T12:00:00Z".parse().unwrap())));
        let credentials = Credentials {
            access_key_id: "LCTEST".to_owned(),
            secret_access_key: "a secret of these tests".to_owned(),
            session_token: None,
        };
        let root = place.path().join("objects");
        let objects =
            FileObjects::leaving_free(floor, root, url.clone(), credentials, clock.clone(), Arc::new(SystemRandom))
                .unwrap();
        let reported = Arc::new(Reported::default());
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(router(objects.clone(), reported.clone()), stop.clone()));
        Self { url, client: Client::new(), objects, reported, clock, place, _serving: stop.drop_guard() }
    }

    fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
    }

    async fn form(&self, name: &str, size: RangeInclusive<u64>) -> PresignedPost {
        let expires_at = self.clock.now() + Duration::minutes(10);
        let form = UploadForm { key: key(name), content_type: ImageType::Jpeg, size, expires_at };
        self.objects.sign_post(&form).await.unwrap()
    }

    async fn post(&self, form: &PresignedPost, bytes: Vec<u8>) -> Response {
        self.client.post(&form.url).multipart(multipart(form, bytes)).send().await.unwrap()
    }

    fn link(&self, key: &ObjectKey) -> String {
        self.objects.sign_get(key, "image/jpeg", std::time::Duration::from_mins(5))
    }

    /// Files below the folder of objects, by their path in it.
    fn files(&self) -> Vec<String> {
        let root = self.place.path().join("objects");
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        files
    }
}

fn multipart(form: &PresignedPost, bytes: Vec<u8>) -> Form {
    let fields = form.fields.iter().fold(Form::new(), |fields, (name, value)| fields.text(name.clone(), value.clone()));
    fields.part("file", Part::bytes(bytes).file_name("cat.jpg"))
}
