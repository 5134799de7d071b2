use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use labelcast_functions::model::Name;
use labelcast_functions::ports::{ApiKey, Clock, Random, Scope};
use serde_json::json;

use super::arguments::{Data, operator};
use super::failure::{Failure, Outcome};
use super::output;
use crate::store::api_keys;
use labelcast_functions::system::{SystemClock, SystemRandom};

/// Add, list or remove API keys for programs
///
/// Changes take effect immediately, even while `serve` is running.
#[derive(Debug, Args)]
pub(super) struct KeysArguments {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a key and print it; it is never shown again
    Add {
        /// Name of the program
        name: Name,
        /// What the key allows: `search`, `publish:app:NAME`, `publish:app:PREFIX*`
        #[arg(long = "allow", required = true, value_delimiter = ',', value_name = "SCOPE,…")]
        allow: Vec<Scope>,
    },
    /// List keys and what they allow
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Remove a key; it stops working immediately
    Remove {
        /// Name of the program
        name: Name,
    },
}

impl KeysArguments {
    pub(super) async fn run(self) -> Outcome {
        let database = self.data.database()?;
        match self.action {
            Action::Add { name, allow } => {
                let mut bytes = [0; 32];
                SystemRandom.fill(&mut bytes);
                let secret = format!("lc_{}", URL_SAFE_NO_PAD.encode(bytes));
                let sha256 = digest::digest(&digest::SHA256, secret.as_bytes());
                let sha256 = sha256.as_ref().try_into().expect("SHA-256 has 32 bytes");
                let key = ApiKey { name: name.clone(), scopes: allow };
                if !api_keys::add(&database, &key, sha256, SystemClock.now(), &operator()).await? {
                    return Err(Failure::failed(format!("key `{name}` already exists; remove it first")));
                }
                output::line(&secret)?;
            }
            Action::List { json } => {
                for key in api_keys::list(&database).await? {
                    let allow: Vec<String> = key.scopes.iter().map(Scope::to_string).collect();
                    if json {
                        output::json(&json!({"name": key.name, "allow": allow}))?;
                    } else {
                        output::line(&format!("{:<20} {}", key.name.as_str(), allow.join(", ")))?;
                    }
                }
            }
            Action::Remove { name } => {
                if !api_keys::remove(&database, &name, SystemClock.now(), &operator()).await? {
                    return Err(Failure::failed(format!("no key `{name}`; list keys with `labelcast keys list`")));
                }
            }
        }
        Ok(())
    }
}
