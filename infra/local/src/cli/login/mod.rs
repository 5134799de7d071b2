//! `login` and `logout`.

mod browser;
mod callback;
mod password;

use clap::Args;
use labelcast_functions::model::Name;
use reqwest::{Client, Url};

use super::arguments::Server;
use super::failure::{Failure, Outcome};
use super::output;
use super::remote::oauth::{self, Issued};
use super::remote::store::{SignIn, Store};
use super::remote::{Privacy, Settings};

/// Sign in, so that `watch`, `upload` and `search` need no token
///
/// Opens the server's sign-in page in a browser, which redirects back to this command. Keeps a refresh token in a file that
/// only you can read (sign-ins.json in $XDG_CONFIG_HOME/labelcast or ~/.config/labelcast): the other commands renew their
/// tokens with it until you sign out with `labelcast logout`, change your password, or don't use it for 30 days.
#[derive(Debug, Args)]
pub(super) struct LoginArguments {
    #[command(flatten)]
    server: Server,
    /// Sign in as this user without a browser (local servers only); the password is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<Name>,
    /// Print the address of the sign-in page instead of opening a browser
    #[arg(long, conflicts_with = "user")]
    no_browser: bool,
}

/// Sign out: revoke and delete the refresh token kept by `login`
#[derive(Debug, Args)]
pub(super) struct LogoutArguments {
    #[command(flatten)]
    server: Server,
}

/// One attempt to sign in at a server, with what it is bound to.
struct Attempt {
    client: Client,
    privacy: Privacy,
    client_id: String,
    redirect_uris: Vec<String>,
    authorization_endpoint: Url,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    scope: String,
    /// Returned with the code; otherwise the response belongs to another request.
    state: String,
    /// The PKCE verifier: proves that whoever exchanges the code also requested it.
    verifier: String,
}

impl LoginArguments {
    pub(super) async fn run(self) -> Outcome {
        let server = self.server.url;
        let store = Store::of_user().map_err(Failure::failed)?;
        // Read first, so that a password that cannot be read costs nobody a round trip.
        let with_password = match self.user {
            Some(user) => Some((user, super::password::read_current()?)),
            None => None,
        };
        let attempt = Attempt::begin(&server).await?;
        let (code, redirect_uri) = match with_password {
            Some((user, password)) => password::sign_in(&attempt, user.as_str(), &password).await?,
            None => browser::sign_in(&attempt, !self.no_browser).await?,
        };
        let issued = attempt.exchange(&code, &redirect_uri).await?;
        let name = name_in(&issued.id_token).unwrap_or_else(|| "an unnamed user".to_owned());
        attempt.keep(&store, &server, issued).await?;
        Ok(output::line(&format!("signed in to {server} as {name}"))?)
    }
}

impl LogoutArguments {
    pub(super) async fn run(self) -> Outcome {
        let server = self.server.url;
        let locked = Store::of_user().map_err(Failure::failed)?.lock().await?;
        let Some(kept) = locked.find(&server)? else {
            return Err(Failure::failed(format!("not signed in to {server}")));
        };
        // First here: whatever the server says, this command is signed out.
        locked.set(&server, None)?;
        let privacy = Privacy::of(&server);
        let client = super::remote::client(privacy).map_err(Failure::failed)?;
        revoke(&client, privacy, &kept).await.map_err(|why| {
            Failure::failed(format!(
                "signed out on this machine, but the server could not revoke the refresh token: {why}"
            ))
        })
    }
}

impl Attempt {
    async fn begin(server: &Url) -> Result<Self, Failure> {
        let (client, privacy, settings) = Settings::fetch(server).await?;
        let lacking = || {
            Failure::failed(format!(
                "{server} runs an older version that the command line cannot sign in to; use a token"
            ))
        };
        let (cli, metadata) = settings.cli.zip(settings.metadata).ok_or_else(lacking)?;
        let address = |text: &str| {
            let named = |why| Failure::failed(format!("the server's settings contain an unsafe address: {why}"));
            privacy.http(text).map_err(named)
        };
        Ok(Self {
            client,
            privacy,
            client_id: cli.client_id,
            redirect_uris: cli.redirect_uris,
            authorization_endpoint: address(&metadata.authorization_endpoint)?,
            token_endpoint: address(&metadata.token_endpoint)?,
            revocation_endpoint: metadata.revocation_endpoint.as_deref().map(address).transpose()?,
            scope: settings.scope.unwrap_or_else(|| "openid".to_owned()),
            state: oauth::secret(),
            verifier: oauth::secret(),
        })
    }

    /// The authorization URL.
    fn address(&self, redirect_uri: &str) -> Url {
        let mut url = self.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &self.scope),
            ("state", &self.state),
            ("code_challenge", &oauth::challenge(&self.verifier)),
            ("code_challenge_method", "S256"),
        ]);
        url
    }

    async fn exchange(&self, code: &str, redirect_uri: &str) -> Result<Issued, Failure> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &self.verifier),
        ];
        oauth::tokens(&self.client, &self.token_endpoint, &fields).await.map_err(Failure::failed)
    }

    async fn keep(self, store: &Store, server: &Url, issued: Issued) -> Outcome {
        let refresh_token = issued.refresh_token;
        let refresh_token = refresh_token.ok_or_else(|| Failure::failed("the server returned no refresh token"))?;
        let locked = store.lock().await?;
        let before = locked.find(server)?;
        let sign_in = SignIn {
            client_id: self.client_id,
            token_endpoint: self.token_endpoint.into(),
            revocation_endpoint: self.revocation_endpoint.map(Into::into),
            refresh_token,
            id_token: issued.id_token,
            expires_at: issued.expires_at,
        };
        locked.set(server, Some(sign_in))?;
        // What was kept before is not needed any more, and nobody would ever revoke it.
        if let Some(before) = before
            && let Err(why) = revoke(&self.client, self.privacy, &before).await
        {
            output::message(&format!("the previous sign-in could not be revoked: {why}"));
        }
        Ok(())
    }
}

/// Revokes the stored refresh token, if the server has a revocation endpoint.
async fn revoke(client: &Client, privacy: Privacy, kept: &SignIn) -> Result<(), String> {
    let Some(endpoint) = &kept.revocation_endpoint else { return Ok(()) };
    oauth::revoke(client, &privacy.http(endpoint)?, &kept.client_id, &kept.refresh_token).await
}

/// The user's name in an ID token. For display only and straight from the token endpoint, so nothing is verified.
fn name_in(id_token: &str) -> Option<String> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let name = claims["email"].as_str().or_else(|| claims["cognito:username"].as_str());
    name.map(str::to_owned)
}
