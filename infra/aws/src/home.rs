//! What a function is made of on AWS. Each part is made when it is asked for, so that a function has only its own clients,
//! needs only its own settings, and starts fast.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use aws_types::SdkConfig;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::images::Decoding;
use labelcast_functions::live::{Division, ReplayBudget};
use labelcast_functions::ports::{
    Bus, Clock, Connections, CurrentUntilExpiry, Deliveries, Detector, History, Idempotency, Images, Keys, Objects,
    Pusher, Queue, Random, Translator, UploadJobs, Uploads,
};
use labelcast_functions::settings::Settings;
use labelcast_functions::signing::Credentials;
use labelcast_functions::system::{SystemClock, SystemRandom};
use labelcast_functions::token::Verifier;

use crate::bus::EventBus;
use crate::detector::Rekognition;
use crate::dynamodb::{
    DynamoConnections, DynamoHistory, DynamoIdempotency, DynamoImages, DynamoKeys, DynamoPostRate, DynamoUploads,
    Ranges, Table,
};
use crate::environment::{Environment, Result, unreadable};
use crate::jwks::FetchedKeys;
use crate::objects::{BucketPlace, S3Objects};
use crate::pusher::{GatewayPusher, NoPusher};
use crate::queue::SqsQueue;
use crate::queued_uploads::QueuedUploads;
use crate::sdk;
use crate::translator::AmazonTranslate;

/// Parts of a topic's subscriptions, unless it is set otherwise.
const RANGES: u32 = 4;
/// Runs of `deliver` at once, unless it is set otherwise.
const DELIVERIES_AT_ONCE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Memory of the functions that decode, as in `infra/functions/images.yml`.
const FUNCTION_MEMORY_MIB: u64 = 2048;

/// AWS, as this function may use it.
pub struct Home {
    /// The variables of the function, as the stack sets them.
    pub environment: Environment,
    config: SdkConfig,
}

impl Home {
    /// Told by this; makes no call.
    pub fn of(environment: Environment) -> Result<Self> {
        let config = sdk::config(environment.needed("AWS_REGION")?, credentials(&environment)?);
        Ok(Self { environment, config })
    }

    /// The system's clock, as a port.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// The system's randomness, as a port.
    pub fn random(&self) -> Arc<dyn Random> {
        Arc::new(SystemRandom)
    }

    /// What the operator set in `infra/config.yml`, read from the environment.
    pub fn settings(&self) -> Result<Arc<Settings>> {
        self.environment.settings().map(Arc::new)
    }

    /// Where pictures are decoded: one at a time, as a Lambda runs, in at most half of the function's memory.
    pub fn decoding(&self) -> Result<Decoding> {
        // In MB that are MiB (Lambda developer guide, defined runtime environment variables); Lambda always sets it.
        let mib: u64 = self.environment.or("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", FUNCTION_MEMORY_MIB)?;
        Ok(Decoding::new(MemoryBudget::new(ByteSize::mib(mib / 2)), NonZeroUsize::MIN))
    }

    /// What replays may hold: a function serves one request at a time, so this bounds one alone.
    pub fn replay_budget(&self) -> ReplayBudget {
        ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64)))
    }

    /// Where the REST API is found.
    pub fn api_url(&self) -> Result<String> {
        self.environment.needed("LABELCAST_API_URL")
    }

    /// Where the socket is found.
    pub fn live_url(&self) -> Result<String> {
        self.environment.needed("LABELCAST_LIVE_URL")
    }

    /// Where the user pool's keys are found: below the issuer, unless it is told.
    pub fn jwks_url(&self) -> Result<String> {
        match self.environment.optional("LABELCAST_JWKS_URL") {
            Some(url) => Ok(url),
            None => Ok(format!("{}/.well-known/jwks.json", self.environment.needed("LABELCAST_ISSUER")?)),
        }
    }

    /// Of the user pool's tokens.
    pub fn verifier(&self) -> Result<Arc<Verifier>> {
        let issuer = self.environment.needed("LABELCAST_ISSUER")?;
        let clients =
            [self.environment.needed("LABELCAST_CLIENT_ID")?, self.environment.needed("LABELCAST_CLI_CLIENT_ID")?];
        Ok(Arc::new(Verifier::new(
            issuer,
            clients,
            Arc::new(FetchedKeys::new(self.jwks_url()?)),
            Arc::new(CurrentUntilExpiry),
        )))
    }

    fn table(&self, name: &'static str, what: &'static str) -> Result<Table> {
        Ok(Table::new(aws_sdk_dynamodb::Client::new(&self.config), self.environment.needed(name)?, what))
    }

    fn live_table(&self) -> Result<Table> {
        self.table("LABELCAST_LIVE_TABLE", "the table of connections")
    }

    fn images_table(&self) -> Result<Table> {
        self.table("LABELCAST_IMAGES_TABLE", "the table of images")
    }

    fn programs_table(&self) -> Result<Table> {
        self.table("LABELCAST_PROGRAMS_TABLE", "the table of programs")
    }

    /// The port of uploads, in the table of images.
    pub fn uploads(&self) -> Result<Arc<dyn Uploads>> {
        Ok(Arc::new(DynamoUploads::new(self.images_table()?)))
    }

    /// The port of images, in the table of images.
    pub fn images(&self) -> Result<Arc<dyn Images>> {
        Ok(Arc::new(DynamoImages::new(self.images_table()?)))
    }

    /// The port of history, in its own table.
    pub fn history(&self) -> Result<Arc<dyn History>> {
        let table = self.table("LABELCAST_HISTORY_TABLE", "the history")?;
        let watermark = self.environment.watermark()?;
        Ok(Arc::new(DynamoHistory::new(table, self.clock(), self.random()).with_watermark(watermark)))
    }

    /// The port of connections and subscriptions, in the table of connections.
    pub fn connections(&self) -> Result<Arc<dyn Connections>> {
        self.connections_reached_by(self.pusher()?)
    }

    /// Their rows alone, for functions that have no right to reach sockets and need none: who comes and goes.
    pub fn connection_rows(&self) -> Result<Arc<dyn Connections>> {
        self.connections_reached_by(Arc::new(NoPusher))
    }

    fn connections_reached_by(&self, pusher: Arc<dyn Pusher>) -> Result<Arc<dyn Connections>> {
        Ok(Arc::new(DynamoConnections::new(self.live_table()?, pusher, self.clock(), self.ranges()?)))
    }

    /// How many parts of a topic's subscriptions there are, and were before they were made more.
    pub fn ranges(&self) -> Result<Ranges> {
        let count = self.environment.or("LABELCAST_RANGES", RANGES)?;
        let before = self.environment.or("LABELCAST_RANGES_BEFORE", count)?;
        let ranges =
            Ranges::new(before).and_then(|ranges| if before == count { Ok(ranges) } else { ranges.grown_to(count) });
        ranges.map_err(|error| unreadable("LABELCAST_RANGES", &count.to_string(), &error))
    }

    /// The port of programs' keys, in the table of programs.
    pub fn keys(&self) -> Result<Arc<dyn Keys>> {
        Ok(Arc::new(DynamoKeys::new(self.programs_table()?)))
    }

    /// The port of programs' requests, in the table of programs.
    pub fn idempotency(&self) -> Result<Arc<dyn Idempotency>> {
        Ok(Arc::new(DynamoIdempotency::new(self.programs_table()?)))
    }

    /// The port of objects, on the bucket.
    pub fn objects(&self) -> Result<Arc<dyn Objects>> {
        let url = self.environment.needed("LABELCAST_OBJECTS_URL")?;
        let (origin, path) = origin_and_path(&url);
        let place = BucketPlace {
            bucket: self.environment.needed("LABELCAST_BUCKET")?,
            origin: origin.to_owned(),
            path: path.to_owned(),
            region: self.config.region().map(ToString::to_string).unwrap_or_default(),
            credentials: credentials(&self.environment)?,
        };
        // A bucket whose name is no part of the host has it in the path.
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(!path.is_empty()).build();
        Ok(Arc::new(S3Objects::new(aws_sdk_s3::Client::from_conf(config), place, self.clock())))
    }

    /// The port of analyses, on the queue before `analyze`.
    pub fn queue(&self) -> Result<Arc<dyn Queue>> {
        let url = self.environment.needed("LABELCAST_ANALYSIS_QUEUE")?;
        Ok(Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url)))
    }

    /// Whether an upload's job may still wait there.
    pub fn upload_jobs(&self) -> Result<Arc<dyn UploadJobs>> {
        let url = self.environment.needed("LABELCAST_ANALYSIS_QUEUE")?;
        let kept = self.environment.analyses_kept()?;
        Ok(Arc::new(QueuedUploads::new(aws_sdk_sqs::Client::new(&self.config), url, self.clock(), kept)))
    }

    /// The port of deliveries, on the queue before `deliver`.
    pub fn deliveries(&self) -> Result<Arc<dyn Deliveries>> {
        let url = self.environment.needed("LABELCAST_DELIVERY_QUEUE")?;
        Ok(Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url)))
    }

    /// When `notify` leaves receivers to `deliver`.
    pub fn division(&self) -> Result<Division> {
        Ok(Division { deliveries: self.deliveries()?, receivers_at_once: self.environment.receivers_at_once()? })
    }

    /// The port of events, on the stack's bus.
    pub fn bus(&self) -> Result<Arc<dyn Bus>> {
        let name = self.environment.needed("LABELCAST_BUS")?;
        Ok(Arc::new(EventBus::new(aws_sdk_eventbridge::Client::new(&self.config), name)))
    }

    /// The port of open sockets, on the `@connections` of API Gateway.
    pub fn pusher(&self) -> Result<Arc<dyn Pusher>> {
        let endpoint = self.environment.needed("LABELCAST_MANAGEMENT_ENDPOINT")?;
        let pusher = GatewayPusher::new(&self.config, endpoint);
        // Functions that push keep to a rate; those that only answer or close are not told of one.
        Ok(Arc::new(match self.environment.posts_per_second()? {
            None => pusher,
            Some(per_second) => {
                let runs = self.environment.or("LABELCAST_DELIVERIES_AT_ONCE", DELIVERIES_AT_ONCE)?;
                pusher.at_rate(Arc::new(DynamoPostRate::new(self.live_table()?, self.clock(), per_second, runs)))
            }
        }))
    }

    /// The port of the detector, on Rekognition.
    pub fn detector(&self) -> Result<Arc<dyn Detector>> {
        let bucket = self.environment.needed("LABELCAST_BUCKET")?;
        #[expect(clippy::cast_possible_truncation, reason = "a percentage with two digits after the point")]
        let confidence = self.settings()?.min_confidence.percent() as f32;
        let client = aws_sdk_rekognition::Client::new(&self.config);
        Ok(Arc::new(Rekognition::new(client, bucket, self.objects()?, self.decoding()?, confidence)))
    }

    /// The port of the translator, on Amazon Translate.
    pub fn translator(&self) -> Arc<dyn Translator> {
        Arc::new(AmazonTranslate::new(aws_sdk_translate::Client::new(&self.config)))
    }
}

/// The credentials of the function's role.
fn credentials(environment: &Environment) -> Result<Credentials> {
    Ok(Credentials {
        access_key_id: environment.needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: environment.needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: environment.optional("AWS_SESSION_TOKEN"),
    })
}

/// `https://host/path` in two.
fn origin_and_path(url: &str) -> (&str, &str) {
    let url = url.trim_end_matches('/');
    let host = url.find("://").map_or(0, |place| place + 3);
    url[host..].find('/').map_or((url, ""), |slash| url.split_at(host + slash))
}

#[cfg(test)]
mod tests {
    use super::origin_and_path;

    #[test]
    fn a_bucket_stands_in_the_host_or_in_the_path() {
        assert_eq!(
            origin_and_path("https://b.s3.eu-west-1.amazonaws.com/"),
            ("https://b.s3.eu-west-1.amazonaws.com", "")
        );
        assert_eq!(origin_and_path("http://127.0.0.1:4566/b"), ("http://127.0.0.1:4566", "/b"));
    }
}
