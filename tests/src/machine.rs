//! One machine within the test's own process, with a clock that the test sets and a detector that it chooses. The database,
//! the files and the sockets are real.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::jwk::JwkSet;
use labelcast::data::{DataDirectory, Secrets};
use labelcast::database::Database;
use labelcast::serve::{Components, LooksAtPictures, Machine, Place};
use labelcast::server::{Server, Tls};
use labelcast::sign_in::TokenIssuer;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::model::{Detection, ImageFiles, ImageType, Name};
use labelcast_functions::ports::{Clock, Detector, DetectorError};
use labelcast_functions::settings::Settings;
use labelcast_functions::system::SystemRandom;
use labelcast_functions::token::{KeySource, KeySourceError};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::Socket;

/// A clock that only moves when set.
pub struct SetClock(AtomicI64);

impl SetClock {
    /// One that stands at this moment.
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(moment.timestamp_millis()))
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).expect("a moment of our time")
    }
}

/// A stand-in for a detector that does what the test says. The built-in one never fails so.
#[derive(Default)]
pub struct ScriptedDetector {
    health: Mutex<Health>,
}

/// What a detector does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Finds nothing, which is a result.
    #[default]
    Well,
    /// Fails.
    Failing,
    /// Never answers.
    Hanging,
}

impl ScriptedDetector {
    /// From now on.
    pub fn be(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

#[async_trait]
impl Detector for ScriptedDetector {
    async fn detect(&self, _: &ImageFiles, _: ImageType) -> Result<Detection, DetectorError> {
        let health = *self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Well => Ok(Detection::default()),
            Health::Failing => Err(DetectorError::Unavailable("it was told to fail".to_owned())),
            Health::Hanging => std::future::pending().await,
        }
    }
}

/// Where the machine's verifier gets its keys from: there, or not.
#[derive(Default)]
pub struct ScriptedKeys(Mutex<Option<JwkSet>>);

impl ScriptedKeys {
    /// From now on these.
    pub fn are(&self, issuer: &TokenIssuer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(issuer.jwks());
    }

    /// From now on nobody answers.
    pub fn fail(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[async_trait]
impl KeySource for ScriptedKeys {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.ok_or_else(|| KeySourceError("it was told to fail".to_owned()))
    }
}

/// A machine that runs.
pub struct TestMachine {
    /// Its parts.
    pub machine: Arc<Machine>,
    /// Its time.
    pub clock: Arc<SetClock>,
    /// Its detector.
    pub detector: Arc<ScriptedDetector>,
    /// The keys that its tokens are verified with.
    pub keys: Arc<ScriptedKeys>,
    address: SocketAddr,
    directory: TempDir,
    stop: CancellationToken,
}

impl Drop for TestMachine {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestMachine {
    /// Starts one with a user `ann`.
    pub async fn start(settings: Settings) -> Self {
        let place = TempDir::new().expect("a place for temporary files");
        let directory = DataDirectory::open(place.path()).expect("a directory of our own");
        let server = Server::listen("127.0.0.1:0".parse().expect("an address"), &Tls::None).expect("a free port");
        let address = server.address().expect("it listens");
        let clock = Arc::new(SetClock::at(Utc::now()));
        let detector = Arc::new(ScriptedDetector::default());
        let keys = Arc::new(ScriptedKeys::default());
        let components = Components {
            database: Database::open(directory.path()).expect("a new database"),
            directory,
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            settings,
            place: Place { public_url: format!("http://{address}") },
            memory: MemoryBudget::new(ByteSize::mib(512)),
            detector: LooksAtPictures::Other(detector.clone()),
            keys: Some(keys.clone()),
            ping_every: std::time::Duration::from_secs(25),
        };
        let machine = Arc::new(Machine::build(components).await.expect("it can be put together"));
        keys.are(&machine.issuer);
        let ann: Name = "ann".parse().expect("a name");
        machine.users.add(&ann, &BTreeSet::new(), "a password".to_owned()).await.expect("a user");
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(machine.router.clone(), stop.clone()));
        let (working, stopped) = (machine.clone(), stop.clone());
        tokio::spawn(async move { working.work(stopped).await });
        Self { machine, clock, detector, keys, address, directory: place, stop }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The data directory.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A token of ann's, good for an hour of the machine's time.
    pub async fn token(&self) -> String {
        self.token_by(&self.machine.issuer).await
    }

    /// The same, from an issuer that signs with another key.
    pub async fn token_by(&self, issuer: &TokenIssuer) -> String {
        let ann: Name = "ann".parse().expect("a name");
        let user = self.machine.users.find(&ann).await.expect("the database answers").expect("she was made");
        issuer.id_token(&user, self.clock.now())
    }

    /// The machine's issuer with a new signing key, as after a rotation.
    pub fn issuer_with_another_key(&self) -> TokenIssuer {
        let secrets = |path: &std::path::Path| {
            let directory = DataDirectory::open(path).expect("a directory of our own");
            Secrets::of(&directory, &SystemRandom).expect("secrets can be made")
        };
        let elsewhere = TempDir::new().expect("a place for temporary files");
        let signing_key = secrets(elsewhere.path()).signing_key;
        let rotated = Secrets { signing_key, ..secrets(self.directory.path()) };
        TokenIssuer::new(&rotated, Arc::new(SystemRandom)).expect("it is a key")
    }

    /// A socket of ann's.
    pub async fn connect(&self) -> Socket {
        Socket::open(&self.address(), &self.token().await).await.expect("a good token opens a socket")
    }

    /// Takes up what waits for its time.
    pub async fn poll(&self) {
        self.machine.dispatcher.poll().await.expect("the table can be looked at");
    }
}
