//! Ports whose calls are steps of an interleaving. What is published and queued is handed to the test.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{
    Analysis, Audience, BusEvent, Image, ImageFiles, ImageId, Position, Status, Upload, UploadId, UploadState, UserId,
};
use labelcast_functions::ports::{
    AnalysisJob, Bus, Created, EntryRefused, Images, LabelCount, ListedObject, NewImage, ObjectInfo, ObjectKey,
    ObjectRead, Objects, PortResult, Ports, Queue, QueuePage, Quota, Removal, UploadForm, Uploads,
};
use labelcast_functions::query::{Candidates, Conjunction};
use labelcast_functions::signing::PresignedPost;

use crate::interleave::Gate;

/// A backend's images, uploads and objects behind a gate.
#[derive(Clone)]
pub(super) struct Stepped {
    pub(super) gate: Gate,
    pub(super) ports: Ports,
    pub(super) published: Arc<Mutex<Vec<BusEvent>>>,
}

#[async_trait]
impl Objects for Stepped {
    async fn read(&self, key: &ObjectKey) -> PortResult<Option<ObjectRead>> {
        self.gate.step(self.ports.objects.read(key)).await
    }

    async fn head(&self, key: &ObjectKey) -> PortResult<Option<ObjectInfo>> {
        self.gate.step(self.ports.objects.head(key)).await
    }

    async fn copy_if_unchanged(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> PortResult<bool> {
        self.gate.step(self.ports.objects.copy_if_unchanged(from, etag, to)).await
    }

    async fn write(&self, key: &ObjectKey, content_type: &str, bytes: Bytes) -> PortResult<()> {
        self.gate.step(self.ports.objects.write(key, content_type, bytes)).await
    }

    async fn delete(&self, key: &ObjectKey) -> PortResult<()> {
        self.gate.step(self.ports.objects.delete(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ListedObject>> {
        self.gate.step(self.ports.objects.list(prefix, after)).await
    }

    async fn sign_post(&self, form: &UploadForm) -> PortResult<PresignedPost> {
        self.ports.objects.sign_post(form).await
    }

    fn sign_get(&self, key: &ObjectKey, content_type: &str, valid: Duration) -> String {
        self.ports.objects.sign_get(key, content_type, valid)
    }
}

#[async_trait]
impl Images for Stepped {
    async fn attach(&self, image: &NewImage, upload: &UploadId) -> PortResult<Option<Image>> {
        self.gate.step(self.ports.images.attach(image, upload)).await
    }

    async fn store_result(&self, id: &ImageId, analysis: &Analysis) -> PortResult<Option<Image>> {
        self.gate.step(self.ports.images.store_result(id, analysis)).await
    }

    async fn get(&self, id: &ImageId) -> PortResult<Option<Image>> {
        self.gate.step(self.ports.images.get(id)).await
    }

    async fn get_many(&self, ids: &[ImageId]) -> PortResult<Vec<Image>> {
        self.gate.step(self.ports.images.get_many(ids)).await
    }

    async fn candidates(
        &self,
        conjunction: &Conjunction,
        audience: Audience<'_>,
        before: Position,
        limit: usize,
    ) -> PortResult<Candidates<Image>> {
        self.ports.images.candidates(conjunction, audience, before, limit).await
    }

    async fn labels(&self, prefix: &str, audience: Audience<'_>, limit: usize) -> PortResult<Vec<LabelCount>> {
        self.ports.images.labels(prefix, audience, limit).await
    }

    async fn with_status(&self, status: Status, after: Option<Position>, limit: usize) -> PortResult<QueuePage> {
        self.ports.images.with_status(status, after, limit).await
    }

    async fn remove(
        &self,
        image: &ImageFiles,
        uploaded_at: DateTime<Utc>,
        only_uploader: Option<&UserId>,
    ) -> PortResult<Removal> {
        self.gate.step(self.ports.images.remove(image, uploaded_at, only_uploader)).await
    }
}

#[async_trait]
impl Uploads for Stepped {
    async fn create(&self, upload: &Upload, quota: Quota) -> PortResult<Created> {
        self.gate.step(self.ports.uploads.create(upload, quota)).await
    }

    async fn get(&self, id: &UploadId) -> PortResult<Option<Upload>> {
        self.gate.step(self.ports.uploads.get(id)).await
    }

    async fn reject(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        self.gate.step(self.ports.uploads.reject(id, reason)).await
    }

    async fn fail(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        self.gate.step(self.ports.uploads.fail(id, reason)).await
    }

    async fn stale(&self, state: UploadState, before: DateTime<Utc>, limit: usize) -> PortResult<Vec<Upload>> {
        self.ports.uploads.stale(state, before, limit).await
    }

    async fn forget(&self, before: DateTime<Utc>) -> PortResult<u64> {
        self.ports.uploads.forget(before).await
    }

    async fn count_since(&self, user: &UserId, since: DateTime<Utc>) -> PortResult<u64> {
        self.ports.uploads.count_since(user, since).await
    }
}

#[async_trait]
impl Bus for Stepped {
    async fn publish(&self, events: &[BusEvent]) -> PortResult<Vec<Result<(), EntryRefused>>> {
        let take = async { self.published.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events) };
        self.gate.step(take).await;
        Ok(vec![Ok(()); events.len()])
    }
}

#[async_trait]
impl Queue for Stepped {
    async fn send(&self, _: &AnalysisJob) -> PortResult<()> {
        self.gate.step(std::future::ready(Ok(()))).await
    }
}
