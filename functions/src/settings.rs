//! What an operator can set. Both homes read the same settings, each from its own place.

use std::collections::BTreeSet;

use chrono::Duration;

use crate::model::{Caller, Confidence, MODERATORS, Topic};

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
    /// Attempts at a job before it becomes a dead letter; the last one tells the uploader (rule 4).
    pub max_attempts: u32,
    /// How long the detector may take with one picture; then the attempt has failed.
    pub detector_patience: std::time::Duration,
    /// An upload that got no result within this time is told to have failed.
    pub upload_patience: Duration,
    /// Rows of uploads are kept this long.
    pub uploads_kept: Duration,
    /// Topics that one connection may be subscribed to.
    pub topics_per_connection: usize,
    /// Connections that one user may have open.
    pub connections_per_user: usize,
    /// Messages a second that one connection may send; twice that at once.
    pub messages_per_second: u32,
    /// Notifications replayed on a socket at most; beyond, the client reloads (rule 8).
    pub replay_limit: usize,
    /// History is kept at least this long …
    pub history_age: Duration,
    /// … and at least this many notifications a topic.
    pub history_entries: u64,
    /// Who may read which topics.
    pub readers: Readers,
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
            detector_patience: std::time::Duration::from_secs(20),
            upload_patience: Duration::minutes(15),
            uploads_kept: Duration::days(30),
            topics_per_connection: 100,
            connections_per_user: 10_000,
            messages_per_second: 50,
            replay_limit: 1_000,
            history_age: Duration::hours(24),
            history_entries: 10_000,
            readers: Readers::default(),
        }
    }
}

/// Which groups read which of the topics that are not fixed by the product (rule 17).
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
#[error("`{0}` is no rule for readers: write PATTERN=GROUP,GROUP, for example `device:*=technicians` or `runs=*`")]
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
