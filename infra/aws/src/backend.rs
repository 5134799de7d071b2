//! The ports of a function on AWS. Each is constructed on demand, so that a function has only its own clients,
//! needs only its own settings, and starts fast.

use std::sync::Arc;

use aws_types::SdkConfig;
use labelcast_functions::ports::Deliveries;
use labelcast_functions::signing::Credentials;

use crate::dynamodb::{Shards, Table};
use crate::environment::{Environment, Result, unreadable};
use crate::queue::SqsQueue;
use crate::sdk;

/// Parts of a topic's subscriptions, unless it is set otherwise.
const RANGES: u32 = 4;

/// AWS, as this function may use it.
pub struct Backend {
    /// The variables of the function, as the stack sets them.
    pub environment: Environment,
    pub(crate) config: SdkConfig,
}

impl Backend {
    /// Told by this; makes no call.
    pub fn of(environment: Environment) -> Result<Self> {
        let config = sdk::config(environment.needed("AWS_REGION")?, credentials(&environment)?);
        Ok(Self { environment, config })
    }

    /// Where the REST API is found.
    pub fn api_url(&self) -> Result<String> {
        self.environment.needed("LABELCAST_API_URL")
    }

    /// Where the socket is found.
    pub fn live_url(&self) -> Result<String> {
        self.environment.needed("LABELCAST_LIVE_URL")
    }

    /// Where the user pool's keys are found: below the issuer, unless configured.
    pub fn jwks_url(&self) -> Result<String> {
        match self.environment.optional("LABELCAST_JWKS_URL") {
            Some(url) => Ok(url),
            None => Ok(format!("{}/.well-known/jwks.json", self.environment.needed("LABELCAST_ISSUER")?)),
        }
    }

    pub(crate) fn table(&self, name: &'static str, what: &'static str) -> Result<Table> {
        Ok(Table::new(aws_sdk_dynamodb::Client::new(&self.config), self.environment.needed(name)?, what))
    }

    pub(crate) fn live_table(&self) -> Result<Table> {
        self.table("LABELCAST_LIVE_TABLE", "the table of connections")
    }

    pub(crate) fn images_table(&self) -> Result<Table> {
        self.table("LABELCAST_IMAGES_TABLE", "the table of images")
    }

    pub(crate) fn programs_table(&self) -> Result<Table> {
        self.table("LABELCAST_PROGRAMS_TABLE", "the table of programs")
    }

    /// How many parts of a topic's subscriptions there are, and were before they were made more.
    pub fn shards(&self) -> Result<Shards> {
        let count = self.environment.or("LABELCAST_RANGES", RANGES)?;
        let before = self.environment.or("LABELCAST_RANGES_BEFORE", count)?;
        let shards =
            Shards::new(before).and_then(|shards| if before == count { Ok(shards) } else { shards.grown_to(count) });
        shards.map_err(|error| unreadable("LABELCAST_RANGES", &count.to_string(), &error))
    }

    /// The port of deliveries, on the queue before `deliver`.
    pub fn deliveries(&self) -> Result<Arc<dyn Deliveries>> {
        let url = self.environment.needed("LABELCAST_DELIVERY_QUEUE")?;
        Ok(Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url)))
    }
}

/// The credentials of the function's role.
pub(crate) fn credentials(environment: &Environment) -> Result<Credentials> {
    Ok(Credentials {
        access_key_id: environment.needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: environment.needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: environment.optional("AWS_SESSION_TOKEN"),
    })
}

/// `https://host/path` in two.
pub(crate) fn origin_and_path(url: &str) -> (&str, &str) {
    let url = url.trim_end_matches('/');
    let host = url.find("://").map_or(0, |place| place + 3);
    url[host..].find('/').map_or((url, ""), |slash| url.split_at(host + slash))
}

#[cfg(test)]
mod tests {
    use super::origin_and_path;

    #[test]
    fn a_bucket_is_named_in_the_host_or_in_the_path() {
        assert_eq!(
            origin_and_path("https://b.s3.eu-west-1.amazonaws.com/"),
            ("https://b.s3.eu-west-1.amazonaws.com", "")
        );
        assert_eq!(origin_and_path("http://127.0.0.1:4566/b"), ("http://127.0.0.1:4566", "/b"));
    }
}
