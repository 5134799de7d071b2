//! `labelcast serve`.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::detectors::LooksAtPictures;
use super::error::ServeError;
use super::health;
use super::machine::{Components, Machine};
use super::options::ServeOptions;
use super::place::Place;
use crate::data::DataDirectory;
use crate::database::Database;
use crate::detector::{Surroundings, choose};
use crate::server::{Options, Server, Tls};
use crate::store::note_clean_end;
use labelcast_functions::system::{SystemClock, SystemRandom};

/// Enough for a few collectors.
const METRICS: Options = Options { public_url: String::new(), max_connections: 64, unauthenticated_per_address: 32 };
/// How long clients have to leave.
const LEAVING: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(options: ServeOptions) -> Result<(), ServeError> {
    let ServeOptions {
        data, listen, tls, public_url: named_url, metrics, memory, settings, ping_every, detectors, ..
    } = options;
    let directory = DataDirectory::open(&data)?;
    let _lock = directory.lock()?;
    let server = Server::listen(listen, &tls)?;
    let address = server.address()?;
    let scheme = if matches!(tls, Tls::Own { .. }) { "https" } else { "http" };
    let public_url = named_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    if named_url.is_none() && (address.ip().is_unspecified() || matches!(tls, Tls::BehindProxy)) {
        tracing::warn!(
            public_url,
            "browsers cannot sign in at this address; set the URL that they use with --public-url"
        );
    }
    tracing::info!(budget = %memory.total(), "memory for decoded pictures and replays");
    let surroundings = Surroundings { data: directory.path(), memory: &memory, rules: &settings.moderation };
    let chosen = choose(&detectors, surroundings).await.map_err(ServeError::Detector)?;
    tracing::info!(detectors = chosen.names().join(", "), "what looks at pictures");
    let notice = chosen.notice();
    let database = Database::open(directory.path())?;
    let machine = Machine::build(Components {
        database: database.clone(),
        directory: directory.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        settings,
        place: Place { public_url: public_url.trim_end_matches('/').to_owned() },
        memory,
        detector: LooksAtPictures::Chosen(chosen),
        keys: None,
        ping_every,
    })
    .await?;
    let new_users = machine.users.first().await?;
    let metrics = metrics.map(Server::listen_in_clear).transpose()?;
    let metrics_address = metrics.as_ref().map(Server::address).transpose()?;
    let listens_on = named_url.is_some().then_some(address);
    greet(&public_url, directory.path(), listens_on, metrics_address, notice.as_deref(), &new_users);
    let stop = CancellationToken::new();
    let server = server.with(Options {
        public_url,
        max_connections: options.max_connections,
        unauthenticated_per_address: options.unauthenticated_per_address,
    });
    let served = serve(&machine, &database, server, metrics, stop).await;
    tracing::info!("stopped");
    served
}

async fn serve(
    machine: &Machine,
    database: &Database,
    server: Server,
    metrics: Option<Server>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let mut signals =
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let stopping = async {
        signals.next().await;
        tracing::info!(
            "shutting down: no new connections, clients are asked to reconnect; a second signal stops immediately"
        );
        let leaving = async {
            machine.gateway.drain(LEAVING).await;
            stop.cancel();
            std::future::pending::<std::convert::Infallible>().await
        };
        let status = tokio::select! {
            never = leaving => match never {},
            status = signals.next() => status,
        };
        // Nothing is lost: what runs now runs again, and is not suspected of having ended the process.
        machine.dispatcher.forget_running();
        tracing::warn!("stopped immediately by a second signal");
        std::process::exit(status)
    };
    let serving = async {
        let figures = async {
            if let Some(server) = metrics {
                server.with(METRICS).serve(health::metrics_router(), stop.clone()).await;
            }
        };
        let served = server.serve(machine.router.clone(), stop.clone());
        let (worked, (), ()) = tokio::join!(machine.work(stop.clone()), served, figures);
        worked?;
        // So that the next start finds one file, and a copy of it is whole. Without it nothing is lost either.
        let ended = async {
            note_clean_end(database).await?;
            database.checkpoint().await
        };
        if let Err(error) = ended.await {
            tracing::warn!(%error, "the write-ahead log could not be truncated");
        }
        Ok(())
    };
    tokio::select! {
        served = serving => served,
        () = stopping => Ok(()),
    }
}

/// The signals that end the server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Waits for the next one; answers the status of a process that ends by it.
    async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        128 + kind.as_raw_value()
    }
}

/// What a person needs to begin.
fn greet(
    public_url: &str,
    directory: &std::path::Path,
    listens_on: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    notice: Option<&str>,
    new_users: &[crate::users::NewUser],
) {
    let mut text = format!("\nLabelcast is ready: {public_url}/web/\n  data: {}\n", directory.display());
    if let Some(address) = listens_on {
        // A String takes what is written.
        let _ = writeln!(text, "  listening on: {address}");
    }
    if let Some(address) = metrics {
        // A String takes what is written.
        let _ = writeln!(text, "  metrics: {address}/metrics");
    }
    if let Some(notice) = notice {
        // A String takes what is written.
        let _ = writeln!(text, "  {notice}");
    }
    if !new_users.is_empty() {
        text.push_str("\nUsers created on this first start (passwords are shown only once):\n");
        for user in new_users {
            // A String takes what is written.
            let _ = writeln!(text, "  {:<10} {}", user.name.as_str(), user.password);
        }
    }
    text.push_str("\nPress Ctrl-C to stop.\n\n");
    // Whoever closed the output does not want to read it.
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
