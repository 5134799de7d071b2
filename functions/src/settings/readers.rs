//! Who may read which topics.

use std::collections::BTreeSet;

use crate::model::{Caller, MODERATORS, Topic};

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
    pattern.strip_suffix('*').map_or(pattern == topic, |prefix| topic.starts_with(prefix))
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
    fn by_default_viewers_read_app_topics_and_nobody_reads_devices_or_runs() {
        let readers = Readers::default();
        let anyone = member_of(&[]);
        assert!(readers.allow(&anyone, &"app:x".parse().unwrap()));
        assert!(!readers.allow(&anyone, &"device:1".parse().unwrap()));
        assert!(!readers.allow(&member_of(&[MODERATORS]), &"runs".parse().unwrap()));
    }

    #[test]
    fn moderation_is_readable_by_moderators_only() {
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
