//! Uploads, deletions and results of the same bytes, in every order, with crashes in between.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::error::ErrorKind;
use labelcast_functions::images::{Decoding, Delete, Index, Ingest};
use labelcast_functions::model::{
    BusEvent, Caller, Event, ImageAnalyzed, ImageId, IndexRequest, JobRequest, MODERATORS, NewObject, UploadState,
};
use labelcast_functions::ports::{Clock, ObjectKey, Ports};
use labelcast_functions::settings::Settings;
use rand::RngExt;

use super::Backend;
use super::samples::{analysis, begin, upload_id, user};
use super::stepped::Stepped;
use crate::interleave::{Actor, Interleaving};
use crate::picture;

/// Number of crashes in one run.
const CRASHES: u32 = 6;

type Published = Arc<Mutex<Vec<BusEvent>>>;

fn stepped(ports: &Ports, published: &Published, gate: crate::interleave::Gate) -> Arc<Stepped> {
    Arc::new(Stepped { gate, ports: ports.clone(), published: published.clone() })
}

/// The job that follows a created object.
fn ingest(ports: &Ports, published: &Published, upload: &str, at: DateTime<Utc>) -> Actor {
    let (ports, published) = (ports.clone(), published.clone());
    let object = NewObject { upload_id: upload_id(upload), created_at: at };
    Arc::new(move |gate| {
        let parts = stepped(&ports, &published, gate);
        let ingest = Ingest {
            clock: ports.clock.clone(),
            objects: parts.clone(),
            uploads: parts.clone(),
            images: parts.clone(),
            queue: parts.clone(),
            bus: parts,
            decoding: Decoding::new(MemoryBudget::new(ByteSize::mib(512)), std::num::NonZeroUsize::MIN),
            detector: None,
            settings: Arc::new(Settings::default()),
        };
        let object = object.clone();
        async move { ingest.handle(object).await.map_err(|error| error.to_string()) }.boxed()
    })
}

/// A moderator's request, which is not repeated by itself.
fn delete(ports: &Ports, published: &Published, image: ImageId) -> Actor {
    let (ports, published) = (ports.clone(), published.clone());
    let moderator = Caller {
        user: user("moderator"),
        username: "moderator".to_owned(),
        groups: [MODERATORS.to_owned()].into(),
        expires_at: ports.clock.now() + TimeDelta::hours(1),
        account_version: 0,
    };
    Arc::new(move |gate| {
        let (parts, moderator) = (stepped(&ports, &published, gate), moderator.clone());
        async move {
            match (Delete { images: parts.clone(), bus: parts }).handle(&moderator, &image).await {
                Err(error) if error.kind != ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            }
        }
        .boxed()
    })
}

/// The job that follows an event on the bus.
fn index(ports: &Ports, published: &Published, request: IndexRequest) -> Actor {
    let (ports, published) = (ports.clone(), published.clone());
    Arc::new(move |gate| {
        let parts = stepped(&ports, &published, gate);
        let index = Index { images: parts.clone(), objects: parts.clone(), uploads: parts.clone(), bus: parts };
        let request = request.clone();
        async move { index.handle(request).await.map_err(|error| error.to_string()) }.boxed()
    })
}

/// What the bus has since the last look, for whoever listens.
fn deliver(course: &mut Interleaving, ports: &Ports, published: &Published, images: &[ImageId]) {
    let events = std::mem::take(&mut *published.lock().unwrap_or_else(PoisonError::into_inner));
    for event in events {
        let received = matches!(event, BusEvent::UploadReceived { .. });
        if let JobRequest::Index(request) = JobRequest::from(Event { at: ports.clock.now(), body: event }) {
            course.job("index", index(ports, published, request));
        }
        // Somebody who sees the result deletes it; some do so twice.
        if received && course.random().random_ratio(1, 3) {
            let image = images[course.random().random_range(0..images.len())];
            course.client("delete", delete(ports, published, image));
        }
    }
}

/// Every image has its files, always: they are written before its row, and deleted after it.
async fn no_row_is_without_files(ports: &Ports, images: &[ImageId]) -> Result<(), String> {
    for image in images {
        // Looked at twice: between the two looks nobody else takes a step.
        let Some(image) = ports.images.get(image).await.unwrap() else { continue };
        for key in ObjectKey::all_of(&image.files()) {
            if ports.objects.head(&key).await.unwrap().is_none() {
                return Err(format!("{key} is missing"));
            }
        }
    }
    Ok(())
}

async fn no_file_is_without_row(ports: &Ports) -> Result<(), String> {
    for place in ["original/", "thumbnail/", "processed/", "new/"] {
        for object in ports.objects.list(place, None).await.unwrap() {
            let Some(files) = ObjectKey::files_of(&object.key) else { return Err(format!("{} is left", object.key)) };
            let image = ports.images.get(&files.image_id).await.unwrap();
            if image.is_none_or(|image| image.files() != files) {
                return Err(format!("{} is of no image", object.key));
            }
        }
    }
    Ok(())
}

/// Two pictures, and four forms of which one gets both; each is posted, taken in (some jobs are delivered twice), labelled
/// and deleted whenever chance has it.
pub async fn rows_and_files_agree_under_any_interleaving_of_uploads_and_deletions(backend: impl Backend) {
    courses(&backend).await;
}

async fn courses<H: Backend>(backend: &H) {
    let seed: u64 = match std::env::var("LABELCAST_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::random_range(0..1_000_000_000),
    };
    for round in seed..seed + H::ROUNDS {
        println!("seed {round}");
        one_course(backend, round).await;
    }
}

async fn one_course(backend: &impl Backend, seed: u64) {
    let (ports, published) = (backend.ports(), Published::default());
    let mut course = Interleaving::new(seed, CRASHES);
    let first = u32::try_from(seed % 1_000_000_000).expect("it is small") * 2;
    let pictures = [picture::jpeg(first), picture::jpeg(first + 1)];
    let images: Vec<ImageId> = pictures.iter().map(|bytes| id_of(bytes)).collect();
    let now = backend.clock().now();
    let mut uploads = Vec::new();
    for (form, whose, shown) in
        [("a", "anna", &[0][..]), ("b", "bert", &[0]), ("c", "anna", &[0, 1]), ("d", "anna", &[1])]
    {
        let upload = format!("{form}-{seed}");
        begin(backend, &upload, whose).await;
        for &picture in shown {
            let (bytes, key) = (Bytes::from(pictures[picture].clone()), ObjectKey::new_upload(&upload_id(&upload)));
            let (posting, events, job) = (ports.clone(), published.clone(), upload.clone());
            let post: Actor = Arc::new(move |gate| {
                let (parts, bytes, key) = (stepped(&posting, &events, gate), bytes.clone(), key.clone());
                async move {
                    use labelcast_functions::ports::Objects;
                    parts.write(&key, "image/jpeg", bytes).await.map_err(|error| error.to_string())
                }
                .boxed()
            });
            course.client(format!("post {upload}"), post);
            // The event may be delivered twice, and the first may find that the object is not there yet.
            let times = if course.random().random_ratio(1, 3) { 2 } else { 1 };
            for _ in 0..times {
                let after_post = after(ports.clone(), job.clone(), ingest(ports, &published, &job, now));
                course.job(format!("ingest {job}"), after_post);
            }
        }
        uploads.push(upload);
    }
    for image in &images {
        let analyzed = ImageAnalyzed { image_id: *image, analysis: analysis(&["dog"], now) };
        course.job("index", index(ports, &published, IndexRequest::Store(analyzed)));
        course.client("delete", delete(ports, &published, *image));
    }
    while course.step().await {
        deliver(&mut course, ports, &published, &images);
        no_row_is_without_files(ports, &images).await.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    // Whatever was posted last has its job.
    for upload in &uploads {
        course.job("ingest", ingest(ports, &published, upload, now));
    }
    while course.step().await {
        deliver(&mut course, ports, &published, &images);
        no_row_is_without_files(ports, &images).await.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    no_file_is_without_row(ports).await.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    for upload in &uploads {
        let upload = ports.uploads.get(&upload_id(upload)).await.unwrap().expect("it was begun");
        assert_ne!(upload.state, UploadState::Pending, "seed {seed}: {upload:?}");
        if let Some(image) = &upload.image_id {
            let image = ports.images.get(image).await.unwrap().unwrap_or_else(|| panic!("seed {seed}: {upload:?}"));
            assert!(image.uploads.iter().any(|one| one.upload_id == upload.id), "seed {seed}: {upload:?}");
        }
    }
    for image in images {
        // Room for the next course.
        if let Some(image) = ports.images.get(&image).await.unwrap() {
            ports.images.remove(&image.files(), image.uploaded_at, None).await.unwrap();
            for key in ObjectKey::all_of(&image.files()) {
                ports.objects.delete(&key).await.unwrap();
            }
        }
    }
}

/// Begins a job only once there is something to take: its event is sent after the object was stored.
fn after(ports: Ports, upload: String, job: Actor) -> Actor {
    Arc::new(move |gate| {
        let (ports, key, job) = (ports.clone(), ObjectKey::new_upload(&upload_id(&upload)), job.clone());
        let upload = upload_id(&upload);
        async move {
            loop {
                let (there, begun) =
                    gate.step(async { tokio::join!(ports.objects.head(&key), ports.uploads.get(&upload)) }).await;
                let taken = begun.unwrap().is_none_or(|upload| upload.state != UploadState::Pending);
                if there.unwrap().is_some() || taken {
                    break;
                }
            }
            job(gate).await
        }
        .boxed()
    })
}

fn id_of(bytes: &[u8]) -> ImageId {
    let sha256 = digest::digest(&digest::SHA256, bytes);
    ImageId::from_digest(sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}
