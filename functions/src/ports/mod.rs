//! The ports: what functions need from their backend. Each backend implements every one of them, and the contract
//! suite in `tests/` holds both backends against what is written here.

mod accounts;
mod bus;
mod clock;
mod connections;
mod deliveries;
mod detector;
mod error;
mod history;
mod idempotency;
mod images;
mod keys;
mod objects;
mod push;
mod queue;
mod subscription;
mod translator;
mod undelivered;
mod upload_jobs;
mod uploads;

use std::sync::Arc;

pub use accounts::{Accounts, CurrentUntilExpiry};
pub use bus::{Bus, EntryRefused};
pub use clock::{Clock, Random};
pub use connections::{Added, Connections, GoLive, MessageAllowed, Replacing, Subscribed, Which};
pub use deliveries::{Deliveries, Delivery};
pub use detector::{Detector, DetectorError};
pub use error::{PortError, PortResult};
pub use history::{Appended, Expiry, Head, History, HistoryEntry, HistoryPage, NewEntry, PageLimit, TopicPosition};
pub use idempotency::{Claimed, Idempotency, IdempotencyClaim};
pub use images::{Images, LabelCount, NewImage, QueuePage, Removal};
pub use keys::{ApiKey, Keys, Scope};
pub use objects::{ListedObject, MAX_LISTED, ObjectInfo, ObjectKey, ObjectRead, Objects, UploadForm, list_all};
pub use push::{Frame, Pushed, Pusher, Unreached};
pub use queue::{AnalysisJob, Queue};
pub use subscription::{Subscription, SubscriptionState};
pub use translator::Translator;
pub use undelivered::Undelivered;
pub use upload_jobs::UploadJobs;
pub use uploads::{Created, Quota, Uploads};

/// Everything a backend offers. A handler takes only what it needs of it.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is its port, documented there")]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub uploads: Arc<dyn Uploads>,
    pub images: Arc<dyn Images>,
    pub objects: Arc<dyn Objects>,
    pub queue: Arc<dyn Queue>,
    pub upload_jobs: Arc<dyn UploadJobs>,
    pub bus: Arc<dyn Bus>,
    pub detector: Arc<dyn Detector>,
    pub translator: Arc<dyn Translator>,
    pub history: Arc<dyn History>,
    pub connections: Arc<dyn Connections>,
    pub pusher: Arc<dyn Pusher>,
    pub keys: Arc<dyn Keys>,
    pub idempotency: Arc<dyn Idempotency>,
}
