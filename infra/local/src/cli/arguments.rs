//! Arguments that several commands share.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use reqwest::Url;

use super::failure::Failure;
use crate::data::DataDirectory;
use crate::database::Database;
use crate::users::Operator;

/// The option that names the data directory.
#[derive(Debug, Clone, Args)]
pub(super) struct Data {
    /// Data directory of `serve`
    #[arg(long, env = "LABELCAST_DATA", default_value = ".labelcast", value_name = "DIR", global = true)]
    pub(super) data: PathBuf,
}

impl Data {
    /// The database of a data directory that `serve` has made.
    pub(super) fn database(&self) -> Result<Database, Failure> {
        Ok(Database::open(DataDirectory::existing(&self.data)?.path())?)
    }
}

/// Who runs the command, for the audit log: the user id from the system, and the name from the environment.
pub(super) fn operator() -> Operator {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    Operator::CommandLine(format!("uid {}{name}", rustix::process::getuid().as_raw()))
}

/// The option that names the server.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// Server, including any path before /web/; plain http is allowed only for this machine, because tokens are secret
    #[arg(long, value_name = "URL", env = "LABELCAST_URL", default_value = "http://127.0.0.1:8080")]
    pub(super) url: Url,
}

/// The options that name the server and the user's token.
#[derive(Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    pub(super) server: Server,
    /// ID token; by default the sign-in of `labelcast login` is used (`labelcast token USER` prints one for a local user)
    #[arg(long, value_name = "TOKEN", env = "LABELCAST_TOKEN", hide_env_values = true)]
    token: Option<Token>,
}

impl Target {
    /// The token given with `--token` or its variable, if any.
    pub(super) fn token(&self) -> Option<Token> {
        self.token.clone().filter(|token| !token.0.is_empty())
    }
}

/// An ID token. `Debug` hides it, so that it never ends up in a message.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Accepts any text: the server validates it, and an error here would print it.
impl FromStr for Token {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}
