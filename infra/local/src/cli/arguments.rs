//! Arguments that several commands share.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use reqwest::Url;

use super::failure::Failure;

/// Which data directory.
#[derive(Debug, Clone, Args)]
pub(super) struct Data {
    /// The data directory that `serve` works on
    #[arg(long, env = "LABELCAST_DATA", default_value = ".labelcast", value_name = "DIR", global = true)]
    pub(super) data: PathBuf,
}

/// Which server, and as whom.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The server, with the path before /web/ if there is one; plain http only on this machine, as the token is secret
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) url: Url,
    /// An ID token; `labelcast token USER` prints one for a local user
    #[arg(long, value_name = "TOKEN", env = "LABELCAST_TOKEN", hide_env_values = true)]
    token: Option<Token>,
}

impl Target {
    pub(super) fn token(&self) -> Result<Token, Failure> {
        self.token.clone().filter(|token| !token.0.is_empty()).ok_or_else(|| {
            Failure::usage(
                "there is no token: give --token, or set LABELCAST_TOKEN (`labelcast token USER` prints one for a local user)",
            )
        })
    }
}

/// An ID token. Not shown by `Debug`, so that it gets into no message.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Takes any text: the server judges it, and a refusal here would show it.
impl FromStr for Token {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}
