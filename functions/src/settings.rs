//! What an operator can set. Both homes read the same settings, each from its own place.

use std::collections::BTreeSet;

use chrono::Duration;

use crate::model::{Caller, Confidence, MODERATORS, Topic};
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
    /// Labels below this confidence are dropped.
    pub min_confidence: Confidence,
    /// Attempts at a job before it becomes a dead letter; the last one tells the uploader.
    pub max_attempts: u32,
    /// Jobs of one kind (pictures, notifications) that may wait on one machine; beyond, nothing new is accepted. AWS's queues
    /// have no such bound.
    pub max_backlog: usize,
    /// How long the detector may take with one picture; then the attempt has failed.
    pub detector_patience: std::time::Duration,
    /// An upload that got no result within this time is told to have failed.
    pub upload_patience: Duration,
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
        Self {
            max_upload_bytes: 15 * 1024 * 1024,
            form_valid: Duration::minutes(15),
            uploads_per_hour: 5_000,
            max_labels: 20,
            // 85 is within 0 to 10,000 hundredths.
            min_confidence: Confidence::from_hundredths(8_500).expect("85 percent is a confidence"),
            max_attempts: 3,
            max_backlog: 10_000,
            detector_patience: std::time::Duration::from_secs(20),
            upload_patience: Duration::minutes(15),
            new_kept: Duration::days(1),
            rejected_kept: Duration::days(7),
            uploads_kept: Duration::days(30),
            topics_per_connection: 100,
            connections_per_user: 10_000,
            messages_per_second: 50,
            replay_limit: 1_000,
            history_age: Duration::hours(24),
            history_entries: 10_000,
            unused_topics_kept: Duration::days(90),
            readers: Readers::default(),
            allowed_origins: Vec::new(),
        }
    }
}

/// The least and the most that a setting can be: beyond them something could not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least value that works.
    pub least: u64,
    /// The highest value that works.
    pub most: u64,
}

/// The text is no number within the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from {} to {}", .0.least, .0.most)]
pub struct OutOfBounds(pub Bounds);

impl Bounds {
    const fn new(least: u64, most: u64) -> Self {
        Self { least, most }
    }

    /// Reads a number within the bounds.
    pub fn read<T: TryFrom<u64>>(self, text: &str) -> Result<T, OutOfBounds> {
        let number = text.parse().ok().filter(|number| (self.least..=self.most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or(OutOfBounds(self))
    }
}

/// What each setting can be, in both backends.
pub mod bounds {
    use super::Bounds;

    /// Bytes of a picture: Rekognition takes 15 MiB.
    pub const MAX_UPLOAD_BYTES: Bounds = Bounds::new(1, 15 * 1024 * 1024);
    /// Uploads that one user may begin within an hour.
    pub const UPLOADS_PER_HOUR: Bounds = Bounds::new(1, 1_000_000_000);
    /// Labels of an image: all of them, as long as labels can be, go into one frame of 32 KiB.
    pub const MAX_LABELS: Bounds = Bounds::new(1, 50);
    /// Attempts at a job. The pauses between them grow fourfold.
    pub const MAX_ATTEMPTS: Bounds = Bounds::new(1, 100);
    /// Jobs of one kind that wait. A million rows of notifications are a gigabyte and more.
    pub const MAX_BACKLOG: Bounds = Bounds::new(1, 1_000_000);
    /// Topics of a connection: the answer to a subscription names all of them, as long as names can be, in one frame.
    pub const TOPICS_PER_CONNECTION: Bounds = Bounds::new(1, 200);
    /// Connections that one user may have open.
    pub const CONNECTIONS_PER_USER: Bounds = Bounds::new(1, 1_000_000);
    /// Messages a second of a connection.
    pub const MESSAGES_PER_SECOND: Bounds = Bounds::new(1, 100_000);
    /// Notifications of a replay; with none, who missed anything reloads.
    pub const REPLAY_LIMIT: Bounds = Bounds::new(0, 100_000);
    /// Hours that history is kept: ten years.
    pub const HISTORY_HOURS: Bounds = Bounds::new(1, 87_600);
    /// Notifications of a topic that are kept however old they are.
    pub const HISTORY_ENTRIES: Bounds = Bounds::new(0, 1_000_000_000);
    /// Days that topics are kept that nobody uses: ten years.
    pub const UNUSED_TOPIC_DAYS: Bounds = Bounds::new(1, 3_650);
    /// Connections that one server may have open, of all users.
    pub const MAX_CONNECTIONS: Bounds = Bounds::new(1, 1_000_000);
    /// Connections of an address that have shown no token, key or signature yet.
    pub const UNAUTHENTICATED_PER_ADDRESS: Bounds = Bounds::new(1, 1_000_000);
    /// Receivers that one run of `notify` serves: what surely fits into its 60 s, throttled or not.
    pub const RECEIVERS_AT_ONCE: Bounds = Bounds::new(1, 20_000);
}

/// Which groups read which of the topics that are not fixed by the product.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    rules: Vec<ReaderRule>,
}

/// `PATTERN=GROUP,GROUP`: members of one of the groups read the topics that match; `*` is everyone signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderRule {
    pattern: String,
    groups: BTreeSet<String>,
}

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` isn't a valid rule. Write PATTERN=GROUP,GROUP, for example `device:*=technicians` or `runs=*`")]
pub struct ReaderRuleError(String);

impl std::str::FromStr for ReaderRule {
    type Err = ReaderRuleError;
    fn from_str(text: &str) -> Result<Self, ReaderRuleError> {
        let wrong = || ReaderRuleError(text.to_owned());
        let (pattern, groups) = text.split_once('=').ok_or_else(wrong)?;
        let settable = pattern == "runs" || pattern.starts_with("device:") || pattern.starts_with("app:");
        let groups: BTreeSet<String> =
            groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect();
        if settable { Ok(Self { pattern: pattern.to_owned(), groups }) } else { Err(wrong()) }
    }
}

impl Readers {
    /// Rules that come before the defaults; the first that matches a topic decides.
    pub fn new(rules: Vec<ReaderRule>) -> Self {
        Self { rules }
    }

    /// Whether somebody may read a topic.
    pub fn allow(&self, caller: &Caller, topic: &Topic) -> bool {
        match topic {
            Topic::Labels | Topic::Uploads => true,
            Topic::Moderation => caller.groups.contains(MODERATORS),
            Topic::Runs | Topic::Device(_) | Topic::App(_) => {
                let name = topic.to_string();
                match self.rules.iter().find(|rule| matches(&rule.pattern, &name)) {
                    Some(rule) => rule.groups.contains("*") || !rule.groups.is_disjoint(&caller.groups),
                    None => matches!(topic, Topic::App(_)),
                }
            }
        }
    }
}

fn matches(pattern: &str, topic: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == topic, |beginning| topic.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{Cursor, Epoch, Seq};
    use crate::ports::Frame;
    use crate::protocol::{ServerFrame, SubscribedTopic};

    fn member_of(groups: &[&str]) -> Caller {
        Caller {
            user: "u".parse().unwrap(),
            username: "u".to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            expires_at: DateTime::UNIX_EPOCH,
            account_version: 0,
        }
    }

    #[test]
    fn by_default_app_topics_are_for_everyone_signed_in_and_devices_and_runs_for_nobody() {
        let readers = Readers::default();
        let anyone = member_of(&[]);
        assert!(readers.allow(&anyone, &"app:x".parse().unwrap()));
        assert!(!readers.allow(&anyone, &"device:1".parse().unwrap()));
        assert!(!readers.allow(&member_of(&[MODERATORS]), &"runs".parse().unwrap()));
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_bounds() {
        assert_eq!(bounds::TOPICS_PER_CONNECTION.read::<usize>("200"), Ok(200));
        for bad in ["0", "201", "475", "-1", "1.5", "", "many", "99999999999999999999999"] {
            let error = bounds::TOPICS_PER_CONNECTION.read::<usize>(bad).unwrap_err();
            assert_eq!(error.to_string(), "must be a whole number from 1 to 200", "{bad}");
        }
    }

    #[test]
    fn an_answer_that_names_as_many_topics_as_there_can_be_fits_into_a_frame() {
        let topic: Topic = format!("device:{}", "x".repeat(64)).parse().unwrap();
        let cursor = Cursor { epoch: Epoch::from_random([0xff; 8]), seq: Seq(u64::MAX) };
        let one = SubscribedTopic { topic, recovered: false, cursor };
        let most = usize::try_from(bounds::TOPICS_PER_CONNECTION.most).unwrap();
        let reference = Some("\u{1}".repeat(128));
        let answer = ServerFrame::NotifyList { reference, topics: vec![one; most] };
        assert!(Frame::encode(&answer).is_some());
    }

    #[test]
    fn moderation_is_for_moderators() {
        let readers = Readers::default();
        assert!(!readers.allow(&member_of(&["staff"]), &Topic::Moderation));
        assert!(readers.allow(&member_of(&[MODERATORS]), &Topic::Moderation));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = ["device:secret=", "device:*=technicians", "app:staff=staff", "runs=*"];
        let readers = Readers::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        let technician = member_of(&["technicians"]);
        assert!(readers.allow(&technician, &"device:42".parse().unwrap()));
        assert!(!readers.allow(&technician, &"device:secret".parse().unwrap()));
        assert!(!readers.allow(&technician, &"app:staff".parse().unwrap()));
        assert!(readers.allow(&technician, &"runs".parse().unwrap()));
        assert!("moderation=*".parse::<ReaderRule>().is_err(), "fixed by the product");
    }
}
