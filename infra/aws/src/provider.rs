//! Provides the functions' ports on AWS.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::images::{Decoding, PageCursors};
use labelcast_functions::live::{PartitionedFanOut, ReplayBudget, Undispatched};
use labelcast_functions::ports::{
    Accounts, Bus, Clock, Connections, CurrentUntilExpiry, Detector, History, Idempotency, Images, Keys, Objects,
    Pusher, Queue, Random, Translator, Undelivered, UploadJobs, Uploads,
};
use labelcast_functions::settings::Settings;
use labelcast_functions::system::{SystemClock, SystemRandom};
use labelcast_functions::token::Verifier;
use labelcast_functions::wiring::Provider;

use crate::backend::{Backend, credentials, origin_and_path};
use crate::bus::EventBus;
use crate::detector::Rekognition;
use crate::dynamodb::{
    DynamoConnections, DynamoHistory, DynamoIdempotency, DynamoImages, DynamoKeys, DynamoPostRate, DynamoUploads,
};
use crate::environment::{EnvironmentError, Result};
use crate::jwks::FetchedKeys;
use crate::objects::{BucketPlace, S3Objects};
use crate::pusher::{GatewayPusher, NoPusher};
use crate::queue::SqsQueue;
use crate::queued_uploads::QueuedUploads;
use crate::translator::AmazonTranslate;

/// Runs of `deliver` at once, unless it is set otherwise.
const MAX_CONCURRENT_DELIVERIES: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Memory of the functions that decode, as in `infra/functions/images.yml`.
const FUNCTION_MEMORY_MIB: u64 = 2048;

impl Provider for Backend {
    type Error = EnvironmentError;

    // Rekognition looks at the stored object itself.
    const DETECTS_WHILE_DECODING: bool = false;

    const BUCKET_EXPIRES_OBJECTS: bool = true;

    /// The system's clock, as a port.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// The system's randomness, as a port.
    fn random(&self) -> Arc<dyn Random> {
        Arc::new(SystemRandom)
    }

    /// What the operator set in `infra/config.yml`, read from the environment.
    fn settings(&self) -> Result<Arc<Settings>> {
        self.environment.settings().map(Arc::new)
    }

    /// Of the user pool's tokens.
    fn verifier(&self) -> Result<Arc<Verifier>> {
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

    /// A token is good until it ends: the user pool says nothing earlier.
    fn accounts(&self) -> Result<Arc<dyn Accounts>> {
        Ok(Arc::new(CurrentUntilExpiry))
    }

    /// The port of programs' keys, in the table of programs.
    fn keys(&self) -> Result<Arc<dyn Keys>> {
        Ok(Arc::new(DynamoKeys::new(self.programs_table()?)))
    }

    /// The port of programs' requests, in the table of programs.
    fn idempotency(&self) -> Result<Arc<dyn Idempotency>> {
        Ok(Arc::new(DynamoIdempotency::new(self.programs_table()?)))
    }

    /// The port of uploads, in the table of images.
    fn uploads(&self) -> Result<Arc<dyn Uploads>> {
        Ok(Arc::new(DynamoUploads::new(self.images_table()?)))
    }

    /// The port of images, in the table of images.
    fn images(&self) -> Result<Arc<dyn Images>> {
        Ok(Arc::new(DynamoImages::new(self.images_table()?)))
    }

    /// The port of objects, on the bucket.
    fn objects(&self) -> Result<Arc<dyn Objects>> {
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

    /// Plain: positions are times here, which count nothing.
    fn page_cursors(&self) -> Result<PageCursors> {
        Ok(PageCursors::plain())
    }

    /// The port of the translator, on Amazon Translate.
    fn translator(&self) -> Result<Arc<dyn Translator>> {
        Ok(Arc::new(AmazonTranslate::new(aws_sdk_translate::Client::new(&self.config))))
    }

    /// The port of the detector, on Rekognition.
    fn detector(&self) -> Result<Arc<dyn Detector>> {
        let bucket = self.environment.needed("LABELCAST_BUCKET")?;
        let settings = self.settings()?;
        let (min_confidence, moderation) = (settings.min_confidence, settings.moderation.clone());
        let client = aws_sdk_rekognition::Client::new(&self.config);
        let (objects, decoding) = (self.objects()?, self.decoding()?);
        Ok(Arc::new(Rekognition::new(client, bucket, objects, decoding, min_confidence, moderation)))
    }

    /// Where pictures are decoded: one at a time, as a Lambda runs, in at most half of the function's memory.
    fn decoding(&self) -> Result<Decoding> {
        // In MB that are MiB (Lambda developer guide, defined runtime environment variables); Lambda always sets it.
        let mib: u64 = self.environment.or("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", FUNCTION_MEMORY_MIB)?;
        Ok(Decoding::new(MemoryBudget::new(ByteSize::mib(mib / 2)), NonZeroUsize::MIN))
    }

    /// The port of analyses, on the queue before `analyze`.
    fn queue(&self) -> Result<Arc<dyn Queue>> {
        let url = self.environment.needed("LABELCAST_ANALYSIS_QUEUE")?;
        Ok(Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url)))
    }

    /// Whether an upload's job may still wait there.
    fn upload_jobs(&self) -> Result<Arc<dyn UploadJobs>> {
        let url = self.environment.needed("LABELCAST_ANALYSIS_QUEUE")?;
        let kept = self.environment.analyses_kept()?;
        Ok(Arc::new(QueuedUploads::new(aws_sdk_sqs::Client::new(&self.config), url, self.clock(), kept)))
    }

    /// The port of events, on the stack's bus.
    fn bus(&self) -> Result<Arc<dyn Bus>> {
        let name = self.environment.needed("LABELCAST_BUS")?;
        Ok(Arc::new(EventBus::new(aws_sdk_eventbridge::Client::new(&self.config), name)))
    }

    /// The port of history, in its own table.
    fn history(&self) -> Result<Arc<dyn History>> {
        let table = self.table("LABELCAST_HISTORY_TABLE", "the history")?;
        let watermark = self.environment.watermark()?;
        Ok(Arc::new(DynamoHistory::new(table, self.clock(), self.random()).with_watermark(watermark)))
    }

    /// What replays may hold: a function serves one request at a time, so this bounds one alone.
    fn replay_budget(&self) -> Result<ReplayBudget> {
        Ok(ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64))))
    }

    /// The port of connections and subscriptions, in the table of connections.
    fn connections(&self) -> Result<Arc<dyn Connections>> {
        self.connections_reached_by(self.pusher()?)
    }

    /// Their rows alone, for functions that have no right to reach sockets and need none: who comes and goes.
    fn connection_rows(&self) -> Result<Arc<dyn Connections>> {
        self.connections_reached_by(Arc::new(NoPusher))
    }

    /// The port of open sockets, on the `@connections` of API Gateway.
    fn pusher(&self) -> Result<Arc<dyn Pusher>> {
        let endpoint = self.environment.needed("LABELCAST_MANAGEMENT_ENDPOINT")?;
        let pusher = GatewayPusher::new(&self.config, endpoint);
        // Functions that push keep to a rate; those that only respond or close have none.
        Ok(Arc::new(match self.environment.posts_per_second()? {
            None => pusher,
            Some(per_second) => {
                let runs = self.environment.or("LABELCAST_DELIVERIES_AT_ONCE", MAX_CONCURRENT_DELIVERIES)?;
                pusher.at_rate(Arc::new(DynamoPostRate::new(self.live_table()?, self.clock(), per_second, runs)))
            }
        }))
    }

    /// When `notify` leaves receivers to `deliver`.
    fn partitioning(&self) -> Result<Option<PartitionedFanOut>> {
        Ok(Some(PartitionedFanOut {
            deliveries: self.deliveries()?,
            receivers_at_once: self.environment.receivers_at_once()?,
        }))
    }

    /// Ranges that nobody had in hand are put into the queue before `deliver`.
    fn undelivered(&self) -> Result<Arc<dyn Undelivered>> {
        Ok(Arc::new(Undispatched {
            images: self.images()?,
            history: self.history()?,
            deliveries: self.deliveries()?,
            shards: self.shards()?.count(),
        }))
    }
}

impl Backend {
    fn connections_reached_by(&self, pusher: Arc<dyn Pusher>) -> Result<Arc<dyn Connections>> {
        Ok(Arc::new(DynamoConnections::new(self.live_table()?, pusher, self.clock(), self.shards()?)))
    }
}
