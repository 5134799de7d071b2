//! What a backend provides.

use std::sync::Arc;

use crate::images::{Decoding, PageCursors};
use crate::live::{PartitionedFanOut, ReplayBudget};
use crate::ports::{
    Accounts, Bus, Clock, Connections, Detector, History, Idempotency, Images, Keys, Objects, Pusher, Queue, Random,
    Translator, Undelivered, UploadJobs, Uploads,
};
use crate::settings::Settings;
use crate::token::Verifier;

/// The parts of functions as one backend has them. Each is made when it is asked for, so that a function on AWS starts with
/// its own clients and settings alone.
pub trait Provider {
    /// Why a part cannot be made, for instance because a setting is missing.
    type Error;

    /// Whether `ingest` has the detector look at a picture while it is decoded anyway. Otherwise the detector reads the
    /// stored object itself.
    const DETECTS_WHILE_DECODING: bool;

    /// Whether the bucket deletes objects that expire, as S3's lifecycle rules do. Otherwise `sweep` does.
    const BUCKET_EXPIRES_OBJECTS: bool;

    /// Says what time it is.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Makes ids and secrets.
    fn random(&self) -> Arc<dyn Random>;

    /// What the operator set.
    fn settings(&self) -> Result<Arc<Settings>, Self::Error>;

    /// Verifies ID tokens.
    fn verifier(&self) -> Result<Arc<Verifier>, Self::Error>;

    /// Says whether an account still is as its token says.
    fn accounts(&self) -> Result<Arc<dyn Accounts>, Self::Error>;

    /// Looks up the keys of programs.
    fn keys(&self) -> Result<Arc<dyn Keys>, Self::Error>;

    /// Remembers requests of programs.
    fn idempotency(&self) -> Result<Arc<dyn Idempotency>, Self::Error>;

    /// Keeps uploads.
    fn uploads(&self) -> Result<Arc<dyn Uploads>, Self::Error>;

    /// Keeps images and finds them.
    fn images(&self) -> Result<Arc<dyn Images>, Self::Error>;

    /// Keeps files, and signs links to them.
    fn objects(&self) -> Result<Arc<dyn Objects>, Self::Error>;

    /// Writes and reads the cursors of pages.
    fn page_cursors(&self) -> Result<PageCursors, Self::Error>;

    /// Translates words of queries.
    fn translator(&self) -> Result<Arc<dyn Translator>, Self::Error>;

    /// Finds out what is in a picture.
    fn detector(&self) -> Result<Arc<dyn Detector>, Self::Error>;

    /// Decodes pictures within a budget of memory.
    fn decoding(&self) -> Result<Decoding, Self::Error>;

    /// Takes pictures that are to be analyzed.
    fn queue(&self) -> Result<Arc<dyn Queue>, Self::Error>;

    /// Says which uploads have a job that is not finished.
    fn upload_jobs(&self) -> Result<Arc<dyn UploadJobs>, Self::Error>;

    /// Takes events of our own functions.
    fn bus(&self) -> Result<Arc<dyn Bus>, Self::Error>;

    /// Takes events of programs, and may refuse them while too many wait.
    fn public_bus(&self) -> Result<Arc<dyn Bus>, Self::Error> {
        self.bus()
    }

    /// Keeps notifications.
    fn history(&self) -> Result<Arc<dyn History>, Self::Error>;

    /// What replays and answers from history may hold at once; all functions of one process share it.
    fn replay_budget(&self) -> Result<ReplayBudget, Self::Error>;

    /// Keeps connections and subscriptions.
    fn connections(&self) -> Result<Arc<dyn Connections>, Self::Error>;

    /// Keeps connections, for functions that do not reach their sockets.
    fn connection_rows(&self) -> Result<Arc<dyn Connections>, Self::Error> {
        self.connections()
    }

    /// Reaches sockets.
    fn pusher(&self) -> Result<Arc<dyn Pusher>, Self::Error>;

    /// Who serves receivers that are too many for one run; `None` where one process serves all.
    fn partitioning(&self) -> Result<Option<PartitionedFanOut>, Self::Error>;

    /// Sees to the receivers of a notification whose attempts are exhausted.
    fn undelivered(&self) -> Result<Arc<dyn Undelivered>, Self::Error>;
}
