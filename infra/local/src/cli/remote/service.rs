//! Finds the addresses of a server.

use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use super::address::{Privacy, below};
use super::api::{read, told};
use crate::cli::arguments::{Target, Token};
use crate::cli::failure::Failure;

/// A server, and who asks it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Service {
    pub(super) client: Client,
    pub(super) privacy: Privacy,
    pub(super) api: Url,
    pub(super) live: Url,
    pub(super) token: Token,
}

/// What is needed of `/web/settings.json`.
#[derive(Debug, Deserialize)]
struct Addresses {
    api: String,
    live: String,
}

impl Service {
    /// Asks the server where its parts are.
    pub(in crate::cli) async fn discover(target: &Target) -> Result<Self, Failure> {
        let token = target.token()?;
        let privacy = Privacy::of(&target.url);
        privacy.http(target.url.as_str()).map_err(|why| Failure::usage(format!("--url: {why}")))?;
        let client = client(privacy).map_err(|error| Failure::failed(told(&error)))?;
        let wrong = |why: String| Failure::failed(format!("no Labelcast answers at {}: {why}", target.url));
        let settings = client.get(below(&target.url, "web/settings.json"));
        let addresses: Addresses = read(settings).await.map_err(|error| wrong(error.to_string()))?;
        let named = |why| wrong(format!("its settings name an address that is not used: {why}"));
        let api = privacy.http(&addresses.api).map_err(named)?;
        let live = privacy.websocket(&addresses.live).map_err(named)?;
        Ok(Self { client, privacy, api, live, token })
    }
}

/// Follows no redirect: the token and the pictures go where the server's settings say, and nowhere else.
fn client(privacy: Privacy) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("labelcast/", env!("CARGO_PKG_VERSION")));
    match privacy {
        Privacy::Tls => builder.build(),
        // A proxy would read what is meant for this machine alone.
        Privacy::TlsOrLoopback => builder.no_proxy().build(),
    }
}
