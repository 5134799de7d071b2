use std::str::FromStr;

use async_trait::async_trait;

use super::PortResult;
use crate::model::Name;

/// Something that a key allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `search`: read with a viewer's rights.
    Search,
    /// `publish:PATTERN`: publish to topics that match; the pattern is a topic, or one that ends in `*`.
    Publish(String),
}

impl Scope {
    /// Whether it lets its holder publish to this topic.
    pub fn allows_publish(&self, topic: &str) -> bool {
        match self {
            Self::Search => false,
            Self::Publish(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => topic.starts_with(prefix),
                None => topic == pattern,
            },
        }
    }
}

/// The text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` isn't a scope. Use `search`, `publish:app:NAME` or `publish:app:PREFIX*`")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        match text.split_once(':') {
            None if text == "search" => Ok(Self::Search),
            Some(("publish", pattern)) => {
                let name = pattern.strip_prefix("app:").ok_or_else(|| ScopeError(text.to_owned()))?;
                let valid = plain(name.strip_suffix('*').unwrap_or(name)) && (1..=65).contains(&name.len());
                if valid { Ok(Self::Publish(pattern.to_owned())) } else { Err(ScopeError(text.to_owned())) }
            }
            _ => Err(ScopeError(text.chars().take(80).collect())),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Search => f.write_str("search"),
            Self::Publish(pattern) => write!(f, "publish:{pattern}"),
        }
    }
}

/// A program's key, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The name that the operator gave it, for logs and audit.
    pub name: Name,
    /// What the key allows; anything else is refused.
    pub scopes: Vec<Scope>,
}

impl ApiKey {
    /// Whether it allows to search.
    pub fn allows_search(&self) -> bool {
        self.scopes.contains(&Scope::Search)
    }

    /// Whether it allows to publish to this topic.
    pub fn allows_publish(&self, topic: &str) -> bool {
        self.scopes.iter().any(|scope| scope.allows_publish(topic))
    }
}

/// The keys of programs. Only their SHA-256 is kept.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The key whose secret has this SHA-256.
    async fn find(&self, sha256: &[u8; 32]) -> PortResult<Option<ApiKey>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_scope_allows_its_pattern_and_nothing_else() {
        let builds: Scope = "publish:app:builds".parse().unwrap();
        assert!(builds.allows_publish("app:builds"));
        assert!(!builds.allows_publish("app:builds2"));
        let any: Scope = "publish:app:b*".parse().unwrap();
        assert!(any.allows_publish("app:builds") && !any.allows_publish("app:c"));
        for bad in ["publish", "publish:labels", "publish:app:", "publish:app:a*b", "admin", "publish:*"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }
}
