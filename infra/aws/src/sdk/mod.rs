//! The configuration of all SDK clients, from Lambda's environment.
//!
//! Lambda gives region and credentials in the environment, for as long as the sandbox lives (Lambda developer guide, defined
//! runtime environment variables). The SDK's own search would go on to files, to roles to be assumed and to metadata
//! services: none is there, and what asks them makes a function larger and slower to start.

mod https;

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{AppName, BehaviorVersion, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use labelcast_functions::signing::Credentials;

pub use https::Https;

/// For clients in this region that have these credentials; makes no call.
pub fn config(region: String, credentials: Credentials) -> SdkConfig {
    let Credentials { access_key_id, secret_access_key, session_token } = credentials;
    let credentials = aws_sdk_dynamodb::config::Credentials::new(
        access_key_id,
        secret_access_key,
        session_token,
        None,
        "environment",
    );
    // Retries fit into the shortest function's time; a hanging call times out before it.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(18))
        .build();
    let mut config = SdkConfig::builder();
    // Whoever looks at calls sees whose they are (AWS SDKs and tools reference guide, application ID).
    config.set_app_name(std::env::var("AWS_SDK_UA_APP_ID").ok().and_then(|name| AppName::new(name).ok()));
    config
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Https::default())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .service_config(OfEnvironment)
        .build()
}

/// What one service's clients do otherwise: `AWS_ENDPOINT_URL_DYNAMODB`, or `AWS_ENDPOINT_URL` for all of them (AWS SDKs
/// and tools reference guide, service-specific endpoints).
#[derive(Debug)]
struct OfEnvironment;

impl LoadServiceConfig for OfEnvironment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let of_service = format!("{}_{}", key.env(), key.service_id().replace(' ', "_").to_uppercase());
        std::env::var(of_service).or_else(|_| std::env::var(key.env())).ok()
    }
}
