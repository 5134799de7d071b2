//! What the functions are made of on one machine.

use std::convert::Infallible;
use std::sync::Arc;

use labelcast_functions::images::{Decoding, PageCursors};
use labelcast_functions::live::{CloseSubscribers, PartitionedFanOut, ReplayBudget};
use labelcast_functions::ports::{
    Accounts, Bus, Clock, Connections, Detector, History, Idempotency, Images, Keys, Objects, Ports, Pusher, Queue,
    Random, Translator, Undelivered, UploadJobs, Uploads,
};
use labelcast_functions::settings::Settings;
use labelcast_functions::token::Verifier;
use labelcast_functions::wiring::{FromProvider, Provider};

use crate::database::Database;
use crate::store::{SqliteImages, SqliteUploads};
use crate::users::LocalAccounts;

/// Everything is made before, and shared by all functions.
#[derive(Clone)]
pub(super) struct LocalProvider {
    pub(super) ports: Ports,
    pub(super) settings: Arc<Settings>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) accounts: LocalAccounts,
    pub(super) cursors: PageCursors,
    pub(super) decoding: Decoding,
    pub(super) replays: ReplayBudget,
    /// The bus for programs that publish.
    pub(super) publishing: Arc<dyn Bus>,
}

impl LocalProvider {
    /// The same for jobs, with look-ups of their own: neither waits for those of requests, nor they for these.
    pub(super) fn for_jobs(&self, database: &Database) -> Self {
        let database = database.for_jobs();
        let ports = Ports {
            uploads: Arc::new(SqliteUploads::new(database.clone())),
            images: Arc::new(SqliteImages::new(database)),
            ..self.ports.clone()
        };
        Self { ports, ..self.clone() }
    }

    /// A function, made of this.
    pub(super) fn make<F: FromProvider>(&self) -> F {
        let Ok(function) = F::from_provider(self);
        function
    }
}

type Made<T> = Result<T, Infallible>;

impl Provider for LocalProvider {
    type Error = Infallible;

    const DETECTS_WHILE_DECODING: bool = true;

    const BUCKET_EXPIRES_OBJECTS: bool = false;

    fn clock(&self) -> Arc<dyn Clock> {
        self.ports.clock.clone()
    }

    fn random(&self) -> Arc<dyn Random> {
        self.ports.random.clone()
    }

    fn settings(&self) -> Made<Arc<Settings>> {
        Ok(self.settings.clone())
    }

    fn verifier(&self) -> Made<Arc<Verifier>> {
        Ok(self.verifier.clone())
    }

    fn accounts(&self) -> Made<Arc<dyn Accounts>> {
        Ok(Arc::new(self.accounts.clone()))
    }

    fn keys(&self) -> Made<Arc<dyn Keys>> {
        Ok(self.ports.keys.clone())
    }

    fn idempotency(&self) -> Made<Arc<dyn Idempotency>> {
        Ok(self.ports.idempotency.clone())
    }

    fn uploads(&self) -> Made<Arc<dyn Uploads>> {
        Ok(self.ports.uploads.clone())
    }

    fn images(&self) -> Made<Arc<dyn Images>> {
        Ok(self.ports.images.clone())
    }

    fn objects(&self) -> Made<Arc<dyn Objects>> {
        Ok(self.ports.objects.clone())
    }

    fn page_cursors(&self) -> Made<PageCursors> {
        Ok(self.cursors.clone())
    }

    fn translator(&self) -> Made<Arc<dyn Translator>> {
        Ok(self.ports.translator.clone())
    }

    fn detector(&self) -> Made<Arc<dyn Detector>> {
        Ok(self.ports.detector.clone())
    }

    fn decoding(&self) -> Made<Decoding> {
        Ok(self.decoding.clone())
    }

    fn queue(&self) -> Made<Arc<dyn Queue>> {
        Ok(self.ports.queue.clone())
    }

    fn upload_jobs(&self) -> Made<Arc<dyn UploadJobs>> {
        Ok(self.ports.upload_jobs.clone())
    }

    fn bus(&self) -> Made<Arc<dyn Bus>> {
        Ok(self.ports.bus.clone())
    }

    fn public_bus(&self) -> Made<Arc<dyn Bus>> {
        Ok(self.publishing.clone())
    }

    fn history(&self) -> Made<Arc<dyn History>> {
        Ok(self.ports.history.clone())
    }

    fn replay_budget(&self) -> Made<ReplayBudget> {
        Ok(self.replays.clone())
    }

    fn connections(&self) -> Made<Arc<dyn Connections>> {
        Ok(self.ports.connections.clone())
    }

    fn pusher(&self) -> Made<Arc<dyn Pusher>> {
        Ok(self.ports.pusher.clone())
    }

    fn partitioning(&self) -> Made<Option<PartitionedFanOut>> {
        Ok(None)
    }

    fn undelivered(&self) -> Made<Arc<dyn Undelivered>> {
        Ok(Arc::new(CloseSubscribers::from_provider(self)?))
    }
}
