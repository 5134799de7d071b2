//! Puts the parts of one machine together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use labelcast_functions::budget::MemoryBudget;
use labelcast_functions::images::{Decoding, PageCursors};
use labelcast_functions::live::{ReplayBudget, Sweep};
use labelcast_functions::ports::{Clock, Ports, Random};
use labelcast_functions::rest::{fallback, wrong_method};
use labelcast_functions::settings::Settings;
use labelcast_functions::token::{KeySource, Verifier};

use super::backend::Backend;
use super::detectors::LooksAtPictures;
use super::endpoints;
use super::error::ServeError;
use super::health::{self, Health};
use super::jobs::JobFunctions;
use super::place::Place;
use super::provider::LocalProvider;
use super::recover::Recovery;
use crate::data::{DataDirectory, Secrets};
use crate::database::Database;
use crate::gateway::Gateway;
use crate::jobs::{Dispatcher, JobTable, LocalBus, LocalQueue, UnfinishedJobs};
use crate::objects::FileObjects;
use crate::sign_in::{SignIn, TokenIssuer};
use crate::store::{SqliteHistory, SqliteIdempotency, SqliteImages, SqliteKeys, SqliteUploads};
use crate::translator::Glossary;
use crate::users::{LocalAccounts, Users};

/// What a machine is made of, so that tests bring their own.
pub struct Components {
    /// The data directory, which this process has locked.
    pub directory: DataDirectory,
    /// The open database of the directory.
    pub database: Database,
    /// Says what time it is; tests set it.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets; tests make it repeatable.
    pub random: Arc<dyn Random>,
    /// What the operator set with options.
    pub settings: Settings,
    /// At which addresses the server is reached.
    pub place: Place,
    /// Bytes that decoded pictures and replays may take at once, all together.
    pub memory: MemoryBudget,
    /// What looks at pictures.
    pub detector: LooksAtPictures,
    /// Where the keys come from that verify ID tokens; those of the directory itself if not given.
    pub keys: Option<Arc<dyn KeySource>>,
    /// How often each connection is pinged.
    pub ping_every: Duration,
}

/// One machine: all functions with the ports of the local backend.
pub struct Machine {
    /// Everything that is answered over HTTP.
    pub router: Router,
    /// The local users and their groups.
    pub users: Users,
    /// Issues ID tokens for local users.
    pub issuer: Arc<TokenIssuer>,
    /// The open sockets and what reaches them.
    pub gateway: Gateway,
    /// Runs the jobs that wait.
    pub dispatcher: Dispatcher,
    /// The ports, for tests that look behind the endpoints.
    pub ports: Ports,
    pub(super) accounts: LocalAccounts,
    pub(super) database: Database,
    pub(super) handler: Arc<JobFunctions>,
    pub(super) sweep: Sweep,
    pub(super) recovery: Recovery,
    pub(super) directory: DataDirectory,
}

impl Machine {
    /// Puts it together. Nothing runs yet.
    pub async fn build(components: Components) -> Result<Self, ServeError> {
        let Components { directory, database, clock, random, settings, place, memory, detector, keys, ping_every } =
            components;
        let threads = std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN);
        let decoding = Decoding::new(memory.clone(), threads);
        health::metrics();
        let secrets = Secrets::of(&directory, &*random)?;
        let cursors = PageCursors::sealed(secrets.credentials.secret_access_key.as_bytes());
        let issuer = Arc::new(TokenIssuer::new(&secrets, random.clone()).map_err(ServeError::SigningKey)?);
        let objects = FileObjects::open(
            directory.objects(),
            place.public_url.clone(),
            secrets.credentials.clone(),
            clock.clone(),
            random.clone(),
        )
        .map_err(ServeError::Objects)?;
        let gateway = Gateway::pinging(clock.clone(), random.clone(), ping_every);
        let table = JobTable::new(&database);
        let dispatcher =
            Dispatcher::new(table, clock.clone(), random.clone(), settings.max_attempts, settings.max_backlog);
        let history = SqliteHistory::open(database.clone(), clock.clone(), random.clone()).await?;
        let progress = [history.progress(), gateway.progress()];
        let bus = LocalBus::new(dispatcher.clone(), clock.clone());
        let (detector, notice) = detector.port(&objects, &decoding, &settings);
        let ports = Ports {
            clock: clock.clone(),
            random: random.clone(),
            uploads: Arc::new(SqliteUploads::new(database.clone())),
            images: Arc::new(SqliteImages::new(database.clone())),
            objects: Arc::new(objects.clone()),
            queue: Arc::new(LocalQueue::new(dispatcher.clone())),
            upload_jobs: Arc::new(UnfinishedJobs::new(&database)),
            bus: Arc::new(bus.clone()),
            detector,
            translator: Arc::new(Glossary::new()),
            history: Arc::new(history),
            connections: Arc::new(gateway.clone()),
            pusher: Arc::new(gateway.clone()),
            keys: Arc::new(SqliteKeys::new(database.clone())),
            idempotency: Arc::new(SqliteIdempotency::new(database.clone())),
        };
        let settings = Arc::new(settings);
        let accounts = LocalAccounts::new(database.clone());
        let verifier = Arc::new(Verifier::new(
            issuer.issuer(),
            issuer.audience(),
            keys.unwrap_or_else(|| Arc::new(issuer.jwks())),
            Arc::new(accounts.clone()),
        ));
        let users = Users::new(database.clone(), clock.clone(), random.clone());
        let sign_in = SignIn::new(
            users.clone(),
            database.clone(),
            issuer.clone(),
            &secrets,
            clock.clone(),
            random.clone(),
            place.sign_in(&settings),
        );
        let provider = LocalProvider {
            ports: ports.clone(),
            settings,
            verifier,
            accounts: accounts.clone(),
            cursors,
            decoding,
            replays: ReplayBudget::of(memory),
            publishing: Arc::new(bus.bounded()),
        };
        let router = endpoints::router(&Backend {
            provider: &provider,
            place: &place,
            sign_in: &sign_in,
            issuer: &issuer,
            objects: &objects,
            gateway: &gateway,
            dispatcher: &dispatcher,
            notice: notice(),
        })
        .merge(health::router(Health::new(database.clone(), health::checks(&objects, &dispatcher), notice)));
        let router =
            router.method_not_allowed_fallback(wrong_method).fallback(fallback).layer(endpoints::catch_panics());
        let recovery = Recovery { database: database.clone(), objects, clock };
        Ok(Self {
            router,
            users,
            issuer,
            gateway,
            dispatcher,
            ports,
            accounts,
            handler: Arc::new(JobFunctions::new(&provider.for_jobs(&database), progress)),
            database,
            sweep: provider.make(),
            recovery,
            directory,
        })
    }
}
