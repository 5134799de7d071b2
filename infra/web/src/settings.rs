//! What the web app and the command line need to know of the server.

use serde::Serialize;

/// `settings.json`: where the web app finds everything. No secrets.
#[derive(Debug, Clone, Serialize)]
pub struct WebSettings {
    /// The base of the REST API.
    pub api: String,
    /// The URL of the WebSocket.
    pub live: String,
    /// Where objects are fetched from and posted to.
    #[serde(skip)]
    pub objects: String,
    /// The issuer of ID tokens.
    pub authority: String,
    /// The web app's client id at the sign-in.
    pub client_id: String,
    /// What the command line signs in with.
    pub cli: CliSettings,
    /// The sign-in's endpoints, as OpenID discovery names them.
    pub metadata: serde_json::Value,
    /// What is asked for at sign-in.
    pub scope: String,
    /// Languages that a search can be in.
    pub languages: Vec<String>,
    /// The largest picture, in bytes.
    pub max_upload_bytes: u64,
    /// How often the web app checks its live connection while somebody looks at it, in seconds.
    pub live_ping_seconds: u32,
    /// What people should know of this server, such as that nothing recognises what pictures show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

impl WebSettings {
    /// Where a ping costs nothing: with the 6 s that the web app waits for a response it knows within 20 s that the line is dead.
    pub const PING_SECONDS: u32 = 10;
    /// Where each message is paid for: enough for what closes idle connections after ten minutes. Beside it the web app pings
    /// when it becomes visible, and when the browser says that the network changed.
    pub const PAID_PING_SECONDS: u32 = 240;
}

/// Where the command line is returned to after signing in: addresses on the user's own machine, fixed because those who
/// issue tokens compare them letter by letter; several, because one may be taken. `localhost`, because Cognito takes no
/// other name without TLS.
pub const CLI_REDIRECT_URIS: [&str; 3] =
    ["http://localhost:8976/callback", "http://localhost:8977/callback", "http://localhost:8978/callback"];

/// What `labelcast login` needs to know.
#[derive(Debug, Clone, Serialize)]
pub struct CliSettings {
    /// The command line's, at the sign-in.
    pub client_id: String,
    /// Where it may be returned to.
    pub redirect_uris: Vec<String>,
}

impl CliSettings {
    /// The settings for this client id.
    pub fn of(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), redirect_uris: CLI_REDIRECT_URIS.map(str::to_owned).to_vec() }
    }
}
