//! The contract of the ports, on the local backend: a real database, real files, real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use labelcast::data::DataDirectory;
use labelcast::database::Database;
use labelcast::detector::Chosen;
use labelcast::detector::builtin::Options;
use labelcast::jobs::{Failure, Job, JobHandler, Outcome, Target};
use labelcast::serve::{Components, LooksAtPictures, Machine, Place};
use labelcast::server::{Server, Tls};
use labelcast::store::api_keys;
use labelcast::users::Operator;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::model::{AnalysisJob, BusEvent, ConnectionId, IndexRequest, JobRequest, Name};
use labelcast_functions::ports::{ApiKey, Clock, ObjectKey, Ports};
use labelcast_functions::settings::Settings;
use labelcast_functions::system::SystemRandom;
use labelcast_tests::Socket;
use labelcast_tests::contract::Backend;
use labelcast_tests::machine::SetClock;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

labelcast_tests::contract!(OneMachine);

/// What arrives where the functions would be.
struct Arrivals {
    arrived: UnboundedSender<JobRequest>,
    held: watch::Receiver<bool>,
}

#[async_trait]
impl JobHandler for Arrivals {
    async fn run(&self, target: Target, jobs: &[Job]) -> Vec<Outcome> {
        if target == Target::Analyze {
            // Until nothing is held any more, or the test has ended.
            let _ = self.held.clone().wait_for(|held| !held).await;
        }
        let arrived = |job: &Job| {
            let request = job.request.clone().map_err(|error| Failure::from(error.to_string()))?;
            self.arrived.send(request).map_err(|error| Failure::from(error.to_string()))
        };
        jobs.iter().map(arrived).collect()
    }

    fn progress(&self) -> u64 {
        0
    }

    async fn on_exhausted(&self, _: &Job) -> Outcome {
        Ok(())
    }
}

struct OneMachine {
    machine: Machine,
    database: Database,
    clock: Arc<SetClock>,
    address: SocketAddr,
    arrivals: Mutex<UnboundedReceiver<JobRequest>>,
    held: watch::Sender<bool>,
    directory: TempDir,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl OneMachine {
    async fn open(directory: TempDir, clock: Arc<SetClock>) -> Self {
        let data = DataDirectory::open(directory.path()).unwrap();
        let database = Database::open(data.path()).unwrap();
        let server = Server::listen("127.0.0.1:0".parse().unwrap(), &Tls::None).unwrap();
        let address = server.address().unwrap();
        let machine = Machine::build(Components {
            database: database.clone(),
            directory: data,
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            settings: Settings::default(),
            place: Place { public_url: format!("http://{address}") },
            memory: MemoryBudget::new(ByteSize::mib(512)),
            ping_every: std::time::Duration::from_secs(25),
            detector: LooksAtPictures::Chosen(Chosen::builtin_only(Options::default())),
            keys: None,
        })
        .await
        .unwrap();
        let ann: Name = "ann".parse().unwrap();
        if machine.users.find(&ann).await.unwrap().is_none() {
            machine.users.add(&ann, &[].into(), "a password".to_owned()).await.unwrap();
        }
        let (arrived, arrivals) = unbounded_channel();
        let (hold, held) = watch::channel(false);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.serve(machine.router.clone(), stop.clone()));
        let (dispatcher, stopped) = (machine.dispatcher.clone(), stop.clone());
        tasks.spawn(async move { dispatcher.run(Arc::new(Arrivals { arrived, held }), stopped).await.unwrap() });
        Self { machine, database, clock, address, arrivals: Mutex::new(arrivals), held: hold, directory, tasks, stop }
    }

    /// The next of these that arrives there.
    async fn next<T>(&self, wanted: impl Fn(JobRequest) -> Option<T>) -> T {
        let mut arrivals = self.arrivals.lock().await;
        loop {
            if let Some(wanted) = wanted(arrivals.recv().await.expect("the dispatcher runs")) {
                return wanted;
            }
        }
    }
}

#[async_trait]
impl Backend for OneMachine {
    const ROUNDS: u64 = 60;

    async fn fresh() -> Self {
        Self::open(TempDir::new().unwrap(), Arc::new(SetClock::at(Utc::now()))).await
    }

    async fn reopened(self) -> Self {
        let Self { clock, directory, mut tasks, stop, .. } = self;
        stop.cancel();
        while tasks.join_next().await.is_some() {}
        Self::open(directory, clock).await
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }

    fn ports(&self) -> &Ports {
        &self.machine.ports
    }

    async fn open(&self) -> (ConnectionId, Socket) {
        let ann = self.machine.users.find(&"ann".parse().unwrap()).await.unwrap().unwrap();
        let token = self.machine.issuer.id_token(&ann, self.clock.now());
        let mut socket = Socket::open(&self.address.to_string(), &token).await.unwrap();
        let (_, pong) = socket.ask(json!({"action": "ping"})).await;
        (pong["connection_id"].as_str().unwrap().parse().unwrap(), socket)
    }

    fn hold_jobs(&self) {
        self.held.send_replace(true);
    }

    async fn next_job(&self) -> AnalysisJob {
        self.held.send_replace(false);
        let job = |request| if let JobRequest::Analyze(job) = request { Some(job) } else { None };
        self.next(job).await
    }

    async fn next_event(&self) -> BusEvent {
        let event = |request| match request {
            JobRequest::Index(IndexRequest::Store(analyzed)) => Some(BusEvent::ImageAnalyzed(analyzed)),
            JobRequest::Index(IndexRequest::Remove(removal)) => Some(BusEvent::ImageRemovalRequested(removal)),
            JobRequest::Notify(event) => Some(event.body),
            JobRequest::Ingest(_) | JobRequest::Analyze(_) => None,
        };
        self.next(event).await
    }

    async fn next_created(&self) -> String {
        let object = |request| if let JobRequest::Ingest(object) = request { Some(object) } else { None };
        ObjectKey::new_upload(&self.next(object).await.upload_id).to_string()
    }

    async fn add_key(&self, key: &ApiKey, sha256: [u8; 32]) {
        assert!(api_keys::add(&self.database, key, sha256, self.clock.now(), &Operator::Server).await.unwrap());
    }

    async fn remove_key(&self, key: &ApiKey) {
        assert!(api_keys::remove(&self.database, &key.name, self.clock.now(), &Operator::Server).await.unwrap());
    }
}
