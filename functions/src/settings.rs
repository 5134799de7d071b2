//! The settings of an operator. Every backend reads the same settings, each from its own place: one machine from options,
//! AWS from the environment of a function. Numbers are declared in the [`table`], each once.

mod moderation;
mod readers;
mod setting;
pub mod table;

use std::convert::Infallible;

use chrono::Duration;

pub use self::moderation::{Judged, ModerationAction, ModerationRule, ModerationRuleError, ModerationRules};
pub use self::readers::{ReaderRule, ReaderRuleError, Readers};
pub use self::setting::{OutOfBounds, Setting, Unit};
use crate::model::Confidence;
use crate::rest::Origin;

/// The settings of the functions. The defaults are what the documentation promises.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest picture, in bytes. Rekognition takes 15 MiB.
    pub max_upload_bytes: u64,
    /// How long an upload form is good.
    pub form_valid: Duration,
    /// Uploads that one user may begin within an hour.
    pub uploads_per_hour: u32,
    /// Labels kept of what the detector finds.
    pub max_labels: usize,
    /// Labels of a detector that has no minimum of its own are dropped below this confidence.
    pub min_confidence: Confidence,
    /// What becomes of an image with a moderation label.
    pub moderation: ModerationRules,
    /// Attempts at a job before it becomes a dead letter; the last one notifies the uploader.
    pub max_attempts: u32,
    /// Jobs of one kind (pictures, notifications) that may wait on one machine; beyond, nothing new is accepted. AWS's queues
    /// have no such bound.
    pub max_backlog: usize,
    /// How long the detector may take with one picture; then the attempt has failed.
    pub detector_timeout: std::time::Duration,
    /// An upload that got no result within this time is reported as failed.
    pub upload_timeout: Duration,
    /// Objects of forms that nothing came of are kept this long. On AWS the bucket's lifecycle rules see to it.
    pub new_kept: Duration,
    /// The bytes of rejected uploads are kept this long. On AWS the bucket's lifecycle rules see to it.
    pub rejected_kept: Duration,
    /// Rows of uploads are kept this long.
    pub uploads_kept: Duration,
    /// Topics that one connection may be subscribed to.
    pub topics_per_connection: usize,
    /// Connections that one user may have open.
    pub connections_per_user: usize,
    /// Messages a second that one connection may send; twice that at once.
    pub messages_per_second: u32,
    /// Notifications replayed on a socket at most; beyond, the client reloads.
    pub replay_limit: usize,
    /// History is kept at least this long …
    pub history_age: Duration,
    /// … and at least this many notifications a topic.
    pub history_entries: u64,
    /// Topics that nobody publishes to or reads for this long go, whatever they have; never sooner than history does.
    pub unused_topics_kept: Duration,
    /// Who may read which topics.
    pub readers: Readers,
    /// Pages of other origins that may use the API, the form and the socket, and that the sign-in returns to.
    pub allowed_origins: Vec<Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        let Ok(settings) = Self::read(|_| Ok::<_, Infallible>(None));
        settings
    }
}

impl Settings {
    /// Reads the settings of the [`table`] that the functions use; the others are as they are by default. `given` returns
    /// what the operator set, within the bounds, or `None`.
    pub fn read<E>(given: impl Fn(&'static Setting) -> Result<Option<u32>, E>) -> Result<Self, E> {
        let number = |setting: &'static Setting| given(setting).map(|given| given.unwrap_or(setting.default));
        let size = |setting| number(setting).map(|number| number as usize);
        let hours = |setting| number(setting).map(|number| Duration::hours(number.into()));
        let days = |setting| number(setting).map(|number| Duration::days(number.into()));
        let percent = |setting| {
            number(setting).map(|number| {
                // Bounded by the table to what is a confidence.
                u16::try_from(number).ok().and_then(Confidence::from_hundredths).unwrap_or(Confidence::FULL)
            })
        };
        Ok(Self {
            max_upload_bytes: number(&table::MAX_UPLOAD_BYTES)?.into(),
            form_valid: Duration::minutes(15),
            uploads_per_hour: number(&table::UPLOADS_PER_HOUR)?,
            max_labels: size(&table::MAX_LABELS)?,
            min_confidence: percent(&table::MIN_CONFIDENCE)?,
            moderation: ModerationRules::default(),
            max_attempts: number(&table::MAX_ATTEMPTS)?,
            max_backlog: size(&table::MAX_BACKLOG)?,
            detector_timeout: std::time::Duration::from_secs(20),
            upload_timeout: Duration::minutes(15),
            new_kept: days(&table::NEW_DAYS)?,
            rejected_kept: days(&table::REJECTED_DAYS)?,
            uploads_kept: Duration::days(30),
            topics_per_connection: size(&table::TOPICS_PER_CONNECTION)?,
            connections_per_user: size(&table::CONNECTIONS_PER_USER)?,
            messages_per_second: number(&table::MESSAGES_PER_SECOND)?,
            replay_limit: size(&table::REPLAY_LIMIT)?,
            history_age: hours(&table::HISTORY_HOURS)?,
            history_entries: number(&table::HISTORY_ENTRIES)?.into(),
            unused_topics_kept: days(&table::UNUSED_TOPIC_DAYS)?,
            readers: Readers::default(),
            allowed_origins: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cursor, Epoch, Seq, Topic};
    use crate::ports::Frame;
    use crate::protocol::{ServerFrame, SubscribedTopic};

    #[test]
    fn a_response_listing_the_maximum_number_of_topics_fits_into_a_frame() {
        let topic: Topic = format!("device:{}", "x".repeat(64)).parse().unwrap();
        let cursor = Cursor { epoch: Epoch::from_random([0xff; 8]), seq: Seq(u64::MAX) };
        let one = SubscribedTopic { topic, recovered: false, cursor };
        let most = table::TOPICS_PER_CONNECTION.most as usize;
        let reference = Some("\u{1}".repeat(128));
        let response = ServerFrame::NotifyList { reference, topics: vec![one; most] };
        assert!(Frame::encode(&response).is_some());
    }
}
