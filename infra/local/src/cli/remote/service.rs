//! Discovers a server's endpoints.

use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use super::address::{Privacy, below, is_loopback};
use super::call::{ApiError, read};
use super::credentials::Credentials;
use super::reason::reason;
use super::store::Store;
use crate::cli::arguments::Target;
use crate::cli::failure::Failure;

/// A server's endpoints, and the credentials to use there.
#[derive(Clone)]
pub(in crate::cli) struct Service {
    pub(super) client: Client,
    pub(super) privacy: Privacy,
    pub(super) api: Url,
    pub(super) live: Url,
    pub(super) credentials: Credentials,
}

/// The fields used of `/web/settings.json`.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Settings {
    api: String,
    live: String,
    pub(in crate::cli) cli: Option<CliSettings>,
    pub(in crate::cli) metadata: Option<Metadata>,
    pub(in crate::cli) scope: Option<String>,
}

/// The OAuth client of the command line.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct CliSettings {
    pub(in crate::cli) client_id: String,
    pub(in crate::cli) redirect_uris: Vec<String>,
}

/// The sign-in's endpoints, from OpenID discovery.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of OpenID discovery")]
pub(in crate::cli) struct Metadata {
    pub(in crate::cli) authorization_endpoint: String,
    pub(in crate::cli) token_endpoint: String,
    pub(in crate::cli) revocation_endpoint: Option<String>,
}

impl Settings {
    /// Fetches the server's settings and discovers its endpoints.
    pub(in crate::cli) async fn fetch(server: &Url) -> Result<(Client, Privacy, Self), Failure> {
        let privacy = Privacy::of(server);
        privacy.http(server.as_str()).map_err(|why| Failure::usage(format!("--url: {why}")))?;
        let client = client(privacy).map_err(Failure::failed)?;
        let settings = read(client.get(below(server, "web/settings.json"))).await;
        let settings = settings.map_err(|error| Failure::failed(unavailable(server, &error)))?;
        Ok((client, privacy, settings))
    }
}

impl Service {
    /// Fetches the server's settings and discovers its endpoints.
    pub(in crate::cli) async fn discover(target: &Target) -> Result<Self, Failure> {
        let server = &target.server.url;
        let credentials = Self::credentials(target)?;
        let (client, privacy, settings) = Settings::fetch(server).await?;
        let named =
            |why| Failure::failed(format!("the settings of {} contain an unsafe address: {why}", shown(server)));
        let api = privacy.http(&settings.api).map_err(named)?;
        let live = privacy.websocket(&settings.live).map_err(named)?;
        Ok(Self { client, privacy, api, live, credentials })
    }

    /// The given token, or else the sign-in stored for this server.
    fn credentials(target: &Target) -> Result<Credentials, Failure> {
        if let Some(token) = target.token() {
            return Ok(Credentials::Given(token));
        }
        let server = &target.server.url;
        let privacy = Privacy::of(server);
        let kept = Store::of_user().ok().map(|store| store.find(server).map(|kept| (store, kept))).transpose()?;
        match kept {
            Some((store, Some(sign_in))) => {
                let client = client(privacy).map_err(Failure::failed)?;
                Ok(Credentials::kept(client, store, server.clone(), sign_in))
            }
            _ => Err(Failure::usage(format!(
                "not signed in to {}: run `labelcast login`, or pass a token with --token or LABELCAST_TOKEN \
                 (`labelcast token USER` prints one for a local user)",
                shown(server)
            ))),
        }
    }
}

/// Why the settings could not be fetched, and what to do.
fn unavailable(server: &Url, error: &ApiError) -> String {
    let server_shown = shown(server);
    match error {
        ApiError::Unreachable(why) if is_loopback(server) => {
            format!("Cannot connect to {server_shown} ({why}). Is `labelcast serve` running?")
        }
        ApiError::Unreachable(why) => format!("Cannot connect to {server_shown} ({why}). Check --url and the network."),
        other => format!("{server_shown} isn't a Labelcast server: {other}. Check --url."),
    }
}

/// A URL without the trailing slash of an empty path.
fn shown(server: &Url) -> &str {
    server.as_str().trim_end_matches('/')
}

/// An HTTP client that follows no redirects: tokens and pictures go only where the server's settings say.
pub(in crate::cli) fn client(privacy: Privacy) -> Result<Client, String> {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("labelcast/", env!("CARGO_PKG_VERSION")));
    let client = match privacy {
        Privacy::Tls => builder.build(),
        // A proxy would read what is meant for this machine alone.
        Privacy::TlsOrLoopback => builder.no_proxy().build(),
    };
    client.map_err(|error| reason(&error))
}
