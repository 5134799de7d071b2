//! Every numeric setting: its default, its bounds, and its name in each backend.

use super::setting::{Setting, Unit, first, settings};

settings! {
    /// Maximum number of open connections; more are refused
    MAX_CONNECTIONS: Count, 15_000 in 1..=1_000_000, option "max-connections";

    /// Maximum number of open connections per address that have not yet presented a token, key or signature
    UNAUTHENTICATED_PER_ADDRESS: Count, 1_000 in 1..=1_000_000, option "unauthenticated-per-address";

    /// Maximum number of uploads per user and hour
    UPLOADS_PER_HOUR: Count, 5_000 in 1..=1_000_000_000, option "uploads-per-hour", variable "LABELCAST_UPLOADS_PER_HOUR";

    /// Maximum number of open connections per user
    CONNECTIONS_PER_USER: Count, 10_000 in 1..=1_000_000,
        option "connections-per-user", variable "LABELCAST_CONNECTIONS_PER_USER";

    /// Maximum number of topics per connection
    // The response to a subscription names all of them, as long as names can be, in one frame.
    TOPICS_PER_CONNECTION: Count, 100 in 1..=200,
        option "topics-per-connection", variable "LABELCAST_TOPICS_PER_CONNECTION";

    /// Maximum rate of messages per connection, per second; bursts of twice as many are allowed
    MESSAGES_PER_SECOND: PerSecond, 50 in 1..=100_000,
        option "messages-per-second", variable "LABELCAST_MESSAGES_PER_SECOND";

    /// Seconds between pings to each WebSocket; one that does not respond within 20 s is closed
    // Often enough for proxies that close what is quiet for 60 s (nginx, HAProxy, load balancers).
    PING_SECONDS: Seconds, 25 in 1..=600, option "ping-seconds";

    /// Maximum number of labels kept per picture
    // All of them, as long as labels can be, go into one frame.
    MAX_LABELS: Count, 20 in 1..=50, option "max-labels", variable "LABELCAST_MAX_LABELS";

    /// Minimum confidence of a label that metadata, pixels or Rekognition give, in percent; models have minima of their own
    MIN_CONFIDENCE: Percent, 8_500 in 0..=10_000, option "min-confidence", variable "LABELCAST_MIN_CONFIDENCE";

    /// Attempts at a job before it becomes a dead letter
    // The pauses between them grow fourfold. The last one notifies the uploader.
    MAX_ATTEMPTS: Count, 3 in 1..=100, option "max-attempts", variable "LABELCAST_MAX_ATTEMPTS";

    /// Maximum number of pictures and of notifications that wait to be processed; above it, uploads or publishes are refused
    /// (503) for a moment
    // A million rows of notifications are a gigabyte and more. AWS's queues have no such bound.
    MAX_BACKLOG: Count, 10_000 in 1..=1_000_000, option "max-backlog";

    /// Maximum number of notifications replayed on a WebSocket
    // With none, who missed anything reloads.
    REPLAY_LIMIT: Count, 1_000 in 0..=100_000, option "replay-limit", variable "LABELCAST_REPLAY_LIMIT";

    /// Minimum number of hours that history is kept
    // Ten years.
    HISTORY_HOURS: Hours, 24 in 1..=87_600, option "history-hours", variable "LABELCAST_HISTORY_HOURS";

    /// Minimum number of notifications kept per topic
    HISTORY_ENTRIES: Count, 10_000 in 0..=1_000_000_000,
        option "history-entries", variable "LABELCAST_HISTORY_ENTRIES";

    /// Days that topics are kept which nobody publishes to or reads
    // Ten years.
    UNUSED_TOPIC_DAYS: Days, 90 in 1..=3_650,
        option "unused-topic-days", variable "LABELCAST_UNUSED_TOPIC_DAYS";

    /// Days that abandoned uploads are kept
    // On AWS the bucket's lifecycle rules see to it, and to the next.
    NEW_DAYS: Days, 1 in 1..=3_650, option "new-days";

    /// Days that the files of rejected uploads are kept
    REJECTED_DAYS: Days, 7 in 1..=3_650, option "rejected-days";

    /// The largest picture, in bytes
    // Rekognition takes 15 MiB.
    MAX_UPLOAD_BYTES: Bytes, 15_728_640 in 1..=15_728_640, variable "LABELCAST_MAX_UPLOAD_BYTES";

    /// Receivers of a notification that one run of `notify` serves
    // A post takes some 10 ms and dozens run at once, so the default is a second or two, and the most surely fits into a run's
    // 60 s, throttled or not.
    RECEIVERS_AT_ONCE: Count, 5_000 in 1..=20_000, variable "LABELCAST_RECEIVERS_AT_ONCE";

    /// Seconds after which cursors pass what nobody has finished pushing
    // `serverless.yml` knows how long attempts at it may take, and packages nothing that could take longer.
    WATERMARK_SECONDS: Seconds, 1_200 in 1..=86_400, variable "LABELCAST_WATERMARK_SECONDS";

    /// Posts a second to sockets, by all runs together
    // Functions without this variable post without a limit.
    POSTS_PER_SECOND: PerSecond, 5_000 in 1..=1_000_000, variable "LABELCAST_POSTS_PER_SECOND";
}
