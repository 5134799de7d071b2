//! Topics, which clients subscribe to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Name, UserId};

/// A topic as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Topic {
    /// Every image fit to be seen.
    Labels,
    /// The caller's own uploads.
    Uploads,
    /// Offensive alerts and decisions, for moderators.
    Moderation,
    /// Runs of actions, from their start to their end.
    Runs,
    /// A device's parameters: `device:ID`.
    Device(Name),
    /// Whatever a program publishes: `app:NAME`.
    App(Name),
}

/// The text names no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` isn't a topic. Use labels, uploads, moderation, runs, device:ID or app:NAME (ID and NAME of 1 to 64 letters, digits, `.`, `_`, `-`)"
)]
pub struct TopicError(String);

impl Topic {
    /// Whether its notifications are about images, so that a filter means something.
    pub const fn has_images(&self) -> bool {
        matches!(self, Self::Labels | Self::Uploads | Self::Moderation)
    }

    /// Where its notifications are kept for this user.
    pub fn key(self, user: &UserId) -> TopicKey {
        match self {
            Self::Uploads => TopicKey::Uploads(user.clone()),
            shared => TopicKey::Shared(shared),
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let no_topic = || TopicError(text.chars().take(80).collect());
        let name = |name: &str| name.parse::<Name>().map_err(|_| no_topic());
        match text.split_once(':') {
            None if text == "labels" => Ok(Self::Labels),
            None if text == "uploads" => Ok(Self::Uploads),
            None if text == "moderation" => Ok(Self::Moderation),
            None if text == "runs" => Ok(Self::Runs),
            Some(("device", id)) => Ok(Self::Device(name(id)?)),
            Some(("app", app)) => Ok(Self::App(name(app)?)),
            _ => Err(no_topic()),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labels => f.write_str("labels"),
            Self::Uploads => f.write_str("uploads"),
            Self::Moderation => f.write_str("moderation"),
            Self::Runs => f.write_str("runs"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::App(name) => write!(f, "app:{name}"),
        }
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;
    fn try_from(text: String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> String {
        topic.to_string()
    }
}

/// A topic as it is kept: `uploads` is one for each user, the others are one for all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TopicKey {
    /// A topic that all its readers share; never [`Topic::Uploads`].
    Shared(Topic),
    /// The topic `uploads` of one user.
    Uploads(UserId),
}

impl TopicKey {
    /// What a client calls it.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Shared(topic) => topic.clone(),
            Self::Uploads(_) => Topic::Uploads,
        }
    }
}

impl fmt::Display for TopicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(topic) => topic.fmt(f),
            Self::Uploads(user) => write!(f, "uploads:{user}"),
        }
    }
}

impl FromStr for TopicKey {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let no_key = || TopicError(text.chars().take(80).collect());
        match text.strip_prefix("uploads:") {
            Some(user) => Ok(Self::Uploads(user.parse().map_err(|_| no_key())?)),
            None => match text.parse()? {
                Topic::Uploads => Err(no_key()),
                shared => Ok(Self::Shared(shared)),
            },
        }
    }
}

impl TryFrom<String> for TopicKey {
    type Error = TopicError;
    fn try_from(text: String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl From<TopicKey> for String {
    fn from(key: TopicKey) -> String {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_keys_round_trip() {
        for text in ["labels", "uploads", "moderation", "runs", "device:42", "app:builds.main"] {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
        }
        for text in ["labels", "uploads:3f1c", "device:42"] {
            assert_eq!(text.parse::<TopicKey>().unwrap().to_string(), text);
        }
        for bad in ["", "cats", "app:", "app:a b", "labels:x", "device:a/b", "Labels"] {
            assert!(bad.parse::<Topic>().is_err(), "{bad}");
        }
        assert!("uploads".parse::<TopicKey>().is_err(), "whose uploads?");
    }
}
