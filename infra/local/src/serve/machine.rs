//! Puts the parts of one machine together.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use labelcast_functions::budget::MemoryBudget;
use labelcast_functions::contract::Deployment;
use labelcast_functions::images::{
    Analyze, CliSettings, Decoding, EmbeddedPages, Failed, ImageApi, Index, Ingest, Leftovers, ModerationApi,
    ObjectExpiry, PageCursors, SearchApi, UploadApi, Web, WebSettings,
};
use labelcast_functions::live::{
    Authorize, CloseSubscribers, Connect, Disconnect, HistoryApi, Notify, PublishApi, ReplayBudget, Route, Sweep, Swept,
};
use labelcast_functions::ports::{Clock, Detector, PortResult, Ports, Random};
use labelcast_functions::rest::{Door, Origin, cross_origin, error, fallback, wrong_method};
use labelcast_functions::settings::Settings;
use labelcast_functions::signing::{Received, check_signed_headers};
use labelcast_functions::token::Verifier;
use labelcast_functions::{api, ports};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::ServeError;
use super::detector::BuiltinDetector;
use super::health::{self, Health};
use super::recover::Recovery;
use super::routes::LiveRoutes;
use super::steps::{CreatedSteps, FunctionSteps};
use crate::audit;
use crate::backup;
use crate::data::{DataDirectory, Secrets};
use crate::database::Database;
use crate::gateway::{self, Gateway, SignatureCheck};
use crate::objects::{self, FileObjects};
use crate::server::split_url;
use crate::sign_in::{self, SignIn, TokenIssuer};
use crate::store::{SqliteHistory, SqliteIdempotency, SqliteImages, SqliteKeys, SqliteUploads};
use crate::translator::Glossary;
use crate::users::{LocalAccounts, REFRESH_EVERY, Users};
use crate::work::{Dispatcher, LocalBus, LocalQueue, WorkTable};

/// Where the machine is found.
#[derive(Debug, Clone)]
pub struct Place {
    /// `scheme://host:port`, without a slash at the end.
    pub public_url: String,
}

impl Place {
    fn api(&self) -> String {
        format!("{}/api", self.public_url)
    }

    fn live(&self) -> String {
        format!("{}/live", self.public_url.replacen("http", "ws", 1))
    }
}

/// What a machine is made of, so that tests bring their own.
pub struct Parts {
    /// The data directory.
    pub directory: DataDirectory,
    /// Its open database.
    pub database: Database,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What the operator set.
    pub settings: Settings,
    /// Where it is found.
    pub place: Place,
    /// Bytes that decoded pictures and replays may take at once, all together.
    pub memory: MemoryBudget,
    /// What looks at pictures; the built-in one if none is given.
    pub detector: Option<Arc<dyn Detector>>,
    /// How often each connection is pinged.
    pub ping_every: Duration,
}

/// One machine.
pub struct Machine {
    /// Everything that is answered.
    pub router: Router,
    /// The users.
    pub users: Users,
    /// Makes tokens.
    pub issuer: Arc<TokenIssuer>,
    /// Open sockets.
    pub gateway: Gateway,
    /// Asynchronous steps.
    pub dispatcher: Dispatcher,
    /// The ports, for tests that look behind the doors.
    pub ports: Ports,
    accounts: LocalAccounts,
    database: Database,
    steps: Arc<FunctionSteps>,
    sweep: Sweep,
    recovery: Recovery,
    directory: DataDirectory,
    clock: Arc<dyn Clock>,
}

impl Machine {
    /// Puts it together. Nothing runs yet.
    pub async fn build(parts: Parts) -> Result<Self, ServeError> {
        let Parts { directory, database, clock, random, settings, place, memory, detector, ping_every } = parts;
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
        let table = WorkTable::new(&database);
        let dispatcher =
            Dispatcher::new(table, clock.clone(), random.clone(), settings.max_attempts, settings.max_backlog);
        let bus = LocalBus::new(dispatcher.clone(), clock.clone(), random.clone());
        let glossary = Glossary::new();
        let ports = Ports {
            clock: clock.clone(),
            random: random.clone(),
            uploads: Arc::new(SqliteUploads::new(database.clone())),
            images: Arc::new(SqliteImages::new(database.clone())),
            objects: Arc::new(objects.clone()),
            queue: Arc::new(LocalQueue::new(dispatcher.clone())),
            bus: Arc::new(bus.clone()),
            detector: detector.unwrap_or_else(|| Arc::new(BuiltinDetector::new(objects.clone(), decoding.clone()))),
            translator: Arc::new(glossary),
            history: Arc::new(SqliteHistory::open(database.clone(), clock.clone(), random.clone()).await?),
            connections: Arc::new(gateway.clone()),
            pusher: Arc::new(gateway.clone()),
            keys: Arc::new(SqliteKeys::new(database.clone())),
            idempotency: Arc::new(SqliteIdempotency::new(database.clone())),
            pages: Arc::new(EmbeddedPages),
        };
        let settings = Arc::new(settings);
        let accounts = LocalAccounts::new(database.clone());
        let verifier = Arc::new(Verifier::new(
            issuer.issuer(),
            issuer.audience(),
            Arc::new(issuer.jwks()),
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
            sign_in::Place {
                public_url: place.public_url.clone(),
                return_urls: return_urls(&place.public_url, &settings.allowed_origins),
            },
        );
        let router = router(&Doors {
            ports: &ports,
            settings: &settings,
            verifier: &verifier,
            accounts: &accounts,
            place: &place,
            sign_in: &sign_in,
            issuer: &issuer,
            objects: &objects,
            gateway: &gateway,
            replays: &ReplayBudget::of(memory),
            dispatcher: &dispatcher,
            cursors,
            publishing: Arc::new(bus.bounded()),
        })
        .merge(health::router(Health::new(
            database.clone(),
            vec![health::disk(objects.clone()), health::backlog(dispatcher.clone())],
        )));
        let router = router.method_not_allowed_fallback(wrong_method).fallback(fallback).layer(catch_panics());
        let for_jobs = of_jobs(&ports, &database);
        let steps = Arc::new(steps(&for_jobs, &settings, decoding));
        let sweep = sweep(&ports, &settings);
        let recovery = Recovery { database: database.clone(), objects };
        Ok(Self {
            router,
            users,
            issuer,
            gateway,
            dispatcher,
            ports,
            accounts,
            database,
            steps,
            sweep,
            recovery,
            directory,
            clock,
        })
    }

    /// Works until `stop`: steps, timers, clean-up.
    pub async fn work(&self, stop: CancellationToken) -> PortResult<()> {
        let steps = self.dispatcher.run(self.steps.clone(), stop.clone());
        let gateway = self.gateway.clone();
        let reap = move || {
            gateway.reap();
            std::future::ready(())
        };
        let (schedule, clock) = (self.sweep.clone(), self.clock.clone());
        let directory = self.directory.path();
        let tidy = move || {
            let (schedule, clock) = (schedule.clone(), clock.clone());
            async move {
                health::metrics().run_upkeep();
                // A folder of some ten entries.
                backup::remove_left_over(directory);
                if let Err(error) = sweep_once(&schedule, &*clock).await {
                    tracing::warn!(%error, "sweeping failed; it is tried again in a minute");
                }
            }
        };
        let seconds = every(Duration::from_secs(1), &stop, reap);
        let minutes = every(Duration::from_mins(1), &stop, tidy);
        let recovered = self.recovery.run(&self.dispatcher);
        let (steps, (), (), (), (), ()) =
            tokio::join!(steps, seconds, minutes, recovered, self.watch_accounts(&stop), self.write_audit(&stop));
        steps
    }

    /// Closes the sockets of users who have changed, soon after they did.
    async fn watch_accounts(&self, stop: &CancellationToken) {
        let seen = Mutex::new(None);
        every(REFRESH_EVERY, stop, async || match self.accounts.refresh().await {
            Ok(known) => {
                let before = seen.lock().unwrap_or_else(PoisonError::into_inner).replace(known.revision());
                if before != Some(known.revision()) {
                    self.gateway.close_revoked(|caller| known.is_current(caller));
                }
            }
            Err(error) => {
                metrics::counter!("labelcast_port_errors_total", "kind" => "accounts").increment(1);
                tracing::warn!(%error, "users could not be looked up; tokens are refused until they can be");
            }
        })
        .await;
    }

    /// Writes to the log what the command line did beside the server.
    async fn write_audit(&self, stop: &CancellationToken) {
        every(Duration::from_secs(1), stop, async || {
            if let Err(error) = audit::write_to_log(&self.database).await {
                metrics::counter!("labelcast_port_errors_total", "kind" => "audit").increment(1);
                tracing::warn!(%error, "audit records could not be read; they are kept and tried again");
            }
        })
        .await;
    }

    /// Sweeps once, as the schedule does.
    pub async fn sweep(&self) -> PortResult<Swept> {
        sweep_once(&self.sweep, &*self.clock).await
    }
}

async fn sweep_once(sweep: &Sweep, clock: &dyn Clock) -> PortResult<Swept> {
    let event = json!({
        "version": "0", "id": "sweep", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "000000000000", "time": clock.now(), "region": "local",
        "resources": ["arn:aws:events:local:000000000000:rule/sweep"], "detail": {},
    });
    let event: EventBridgeEvent<Value> =
        serde_json::from_value(event).expect("this is the form of the event, with every field that is required");
    sweep.handle(event).await
}

async fn every<F: Future<Output = ()>>(period: Duration, stop: &CancellationToken, mut work: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => work().await,
        }
    }
}

/// The same ports for jobs, with look-ups of their own: neither waits for those of requests, nor they for these.
fn of_jobs(ports: &Ports, database: &Database) -> Ports {
    let database = database.for_jobs();
    Ports {
        uploads: Arc::new(SqliteUploads::new(database.clone())),
        images: Arc::new(SqliteImages::new(database)),
        ..ports.clone()
    }
}

fn steps(ports: &Ports, settings: &Arc<Settings>, decoding: Decoding) -> FunctionSteps {
    let Ports { clock, uploads, images, objects, queue, bus, detector, history, connections, pusher, .. } =
        ports.clone();
    let settings = settings.clone();
    let undelivered = CloseSubscribers {
        clock: clock.clone(),
        images: images.clone(),
        history: history.clone(),
        connections: connections.clone(),
        pusher: pusher.clone(),
    };
    FunctionSteps {
        ingest: Ingest {
            clock: clock.clone(),
            objects: objects.clone(),
            uploads: uploads.clone(),
            images: images.clone(),
            queue,
            bus: bus.clone(),
            decoding,
            detector: Some(detector.clone()),
            settings: settings.clone(),
        },
        analyze: Analyze {
            clock: clock.clone(),
            detector,
            images: images.clone(),
            uploads: uploads.clone(),
            bus: bus.clone(),
            settings,
        },
        index: Index { images: images.clone(), objects: objects.clone(), uploads: uploads.clone(), bus: bus.clone() },
        notify: Notify { clock, images: images.clone(), objects, history, connections, pusher, division: None },
        failed: Failed { images, uploads, bus, undelivered: Arc::new(undelivered) },
    }
}

fn sweep(ports: &Ports, settings: &Arc<Settings>) -> Sweep {
    let Ports { clock, connections, pusher, uploads, images, objects, bus, history, idempotency, .. } = ports.clone();
    let leftovers = Leftovers { images, uploads: uploads.clone(), objects: objects.clone() };
    let (expiry, settings) = (Some(ObjectExpiry::new(leftovers, settings.clone())), settings.clone());
    Sweep { clock, connections, pusher, uploads, objects, bus, history, idempotency, expiry, settings }
}

struct Doors<'a> {
    ports: &'a Ports,
    settings: &'a Arc<Settings>,
    verifier: &'a Arc<Verifier>,
    accounts: &'a LocalAccounts,
    place: &'a Place,
    sign_in: &'a SignIn,
    issuer: &'a TokenIssuer,
    objects: &'a FileObjects,
    gateway: &'a Gateway,
    replays: &'a ReplayBudget,
    dispatcher: &'a Dispatcher,
    cursors: PageCursors,
    /// The bus for programs that publish.
    publishing: Arc<dyn ports::Bus>,
}

fn router(doors: &Doors<'_>) -> Router {
    let home = format!("{}/web/", doors.place.public_url);
    let objects = objects::router(doors.objects.clone(), Arc::new(CreatedSteps(doors.dispatcher.clone())));
    let shared = Router::new().nest("/api", rest(doors)).merge(doors.sign_in.clone().router());
    let origins = &doors.settings.allowed_origins;
    let shared = if origins.is_empty() {
        shared.merge(objects)
    } else {
        // Their pages show pictures too.
        let shown = SetResponseHeaderLayer::overriding(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
        // Before the layer, which answers preflights in front of what refuses their method.
        let shared = shared.merge(objects.layer(shown)).method_not_allowed_fallback(wrong_method);
        shared.layer(cross_origin(origins))
    };
    Router::new()
        .route("/", get(move || async move { Redirect::temporary(&home) }))
        .merge(shared)
        .merge(web(doors))
        .merge(live(doors))
}

/// A handler that panics answers like every other failure of ours.
fn catch_panics() -> CatchPanicLayer<impl Fn(Box<dyn Any + Send>) -> Response + Clone> {
    CatchPanicLayer::custom(|_| {
        // The panic hook has printed the words.
        metrics::counter!("labelcast_panics_total").increment(1);
        let message = "this went wrong on our side; the operator can see why in the log";
        error(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    })
}

/// Where the sign-in may send people: to our web app, and to pages of the allowed origins.
fn return_urls(public_url: &str, allowed: &[Origin]) -> Vec<String> {
    let pages = allowed.iter().flat_map(|origin| [format!("{origin}/"), format!("{origin}/web/")]);
    std::iter::once(format!("{public_url}/web/")).chain(pages).collect()
}

fn rest(doors: &Doors<'_>) -> Router {
    let Ports { clock, random, uploads, images, objects, bus, translator, history, keys, idempotency, .. } =
        doors.ports.clone();
    let door = Door { verifier: doors.verifier.clone(), keys, clock };
    let settings = doors.settings.clone();
    let upload = UploadApi {
        door: door.clone(),
        uploads,
        objects: objects.clone(),
        random: random.clone(),
        settings: settings.clone(),
    };
    let cursors = doors.cursors.clone();
    let search = SearchApi {
        door: door.clone(),
        images: images.clone(),
        objects: objects.clone(),
        translator,
        cursors: cursors.clone(),
    };
    let image = ImageApi { door: door.clone(), images: images.clone(), objects: objects.clone(), bus: bus.clone() };
    let moderation = ModerationApi { door: door.clone(), images: images.clone(), objects: objects.clone(), cursors };
    let budget = doors.replays.clone();
    let history = HistoryApi { door: door.clone(), history, images, objects, settings, budget };
    let publish = PublishApi { door, bus: doors.publishing.clone(), idempotency, random };
    let deployment = Deployment {
        api: doors.place.api(),
        live: doors.place.live(),
        max_upload_bytes: doors.settings.max_upload_bytes,
        languages: doors.ports.translator.languages(),
    };
    let functions = api::contracts(&deployment)
        .merge(api::router(UploadApi::routes(), upload))
        .merge(api::router(SearchApi::routes(), search))
        .merge(api::router(ImageApi::routes(), image))
        .merge(api::router(ModerationApi::routes(), moderation))
        .merge(api::router(HistoryApi::routes(), history))
        .merge(api::router(PublishApi::routes(), publish));
    api::with_fallbacks(functions)
}

fn web(doors: &Doors<'_>) -> Router {
    let settings = WebSettings {
        api: doors.place.api(),
        live: doors.place.live(),
        objects: doors.place.public_url.clone(),
        authority: doors.issuer.issuer().to_owned(),
        client_id: doors.issuer.client_id().to_owned(),
        cli: CliSettings::of(doors.issuer.cli_client_id()),
        metadata: doors.sign_in.metadata(),
        scope: "openid email profile".to_owned(),
        languages: doors.ports.translator.languages(),
        max_upload_bytes: doors.settings.max_upload_bytes,
        live_ping_seconds: WebSettings::PING_SECONDS,
    };
    let web = Web { pages: doors.ports.pages.clone(), settings: Arc::new(settings) };
    // The page's addresses are of one origin, and so are its sign-in and its storage: `localhost` is led to it.
    let public_url = doors.place.public_url.clone();
    web.router().layer(from_fn(move |request: Request, next: Next| {
        let public_url = public_url.clone();
        async move { led_home(&public_url, request, next).await }
    }))
}

async fn led_home(public_url: &str, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let elsewhere = host.starts_with("localhost") && public_url.ends_with(&host.replacen("localhost", "127.0.0.1", 1));
    if elsewhere && !host.is_empty() {
        return Redirect::temporary(&format!("{public_url}{}", request.uri().path())).into_response();
    }
    next.run(request).await
}

fn live(doors: &Doors<'_>) -> Router {
    let Ports { clock, images, objects, history, connections, pusher, .. } = doors.ports.clone();
    let (verifier, settings) = (doors.verifier.clone(), doors.settings.clone());
    let accounts = Arc::new(doors.accounts.clone());
    let routes: Arc<dyn gateway::Routes> = Arc::new(LiveRoutes {
        authorize: Authorize { verifier: verifier.clone(), clock: clock.clone() },
        connect: Connect { connections: connections.clone(), accounts, settings: settings.clone() },
        route: Route::new(
            clock.clone(),
            connections.clone(),
            pusher,
            history,
            images,
            objects,
            verifier,
            settings,
            doors.replays.clone(),
        ),
        disconnect: Disconnect { connections },
    });
    let gateway = doors.gateway.clone();
    let pages = Pages::new(&doors.place.public_url, &doors.settings.allowed_origins);
    let upgrade = move |request: Request| {
        let (gateway, routes, allowed) = (gateway.clone(), routes.clone(), pages.allow(request.headers()));
        async move {
            match allowed {
                true => gateway::upgrade(gateway, routes, request).await,
                false => gateway::refuse(StatusCode::FORBIDDEN),
            }
        }
    };
    let check = signature_check(doors.objects.clone(), clock, split_url(&doors.place.public_url).1.to_owned());
    Router::new()
        .route("/live", get(upgrade))
        .nest("/live", gateway::management_router(doors.gateway.clone(), check))
        .merge(gateway::without_stage())
}

/// Pages that may open a socket. A browser tells of every page where it is from; programs are no pages and do not.
#[derive(Clone)]
struct Pages(Arc<Vec<Origin>>);

impl Pages {
    fn new(public_url: &str, allowed: &[Origin]) -> Self {
        Self(Arc::new(Origin::of_url(public_url).into_iter().chain(allowed.iter().cloned()).collect()))
    }

    fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Origin>().ok()) else { return false };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // Our own page by another of our names: the server answers to no other.
        origin.authority().eq_ignore_ascii_case(host) || self.0.contains(&origin)
    }
}

/// A proxy in front may have taken the prefix of the public address away; what was signed still has it. Who calls the server
/// itself signs without.
fn signature_check(objects: FileObjects, clock: Arc<dyn ports::Clock>, prefix: String) -> SignatureCheck {
    Arc::new(move |parts, body| {
        // Below a nested router the path is cut; what was signed is the whole.
        let uri = parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let check = |path: &str| {
            let received = Received {
                method: parts.method.as_str(),
                path,
                query: uri.query().unwrap_or_default(),
                headers: &parts.headers,
            };
            check_signed_headers(&received, body, "execute-api", clock.now(), |id: &str| objects.look_up(id))
        };
        let path = uri.path();
        let checked = check(&format!("{prefix}{path}")).or_else(|error| {
            // A proxy that takes the prefix away decodes the pad of an id, which was signed encoded.
            let encoded = path.replace('=', "%3D");
            let others = [format!("{prefix}{encoded}"), path.to_owned(), encoded];
            others.iter().find_map(|path| check(path).ok()).ok_or(error)
        });
        if let Err(error) = &checked {
            tracing::info!(%error, "refused a management call");
        }
        checked.is_ok()
    })
}
