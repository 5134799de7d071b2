//! Which detector found a label.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The name of a detector: `builtin`, `rekognition`, that of a model's directory, or `http:` and the host of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source(SmolStr);

impl Source {
    /// What the metadata and the pixels say, without a model.
    pub const BUILTIN: Self = Self(SmolStr::new_static("builtin"));
    /// Amazon Rekognition.
    pub const REKOGNITION: Self = Self(SmolStr::new_static("rekognition"));
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 100;

    /// The name as clients see it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name of a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a detector's name has 1 to 100 letters, digits, dots, hyphens, underscores, colons and brackets")]
pub struct SourceError;

impl FromStr for Source {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte);
        let valid = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(may_stand);
        if valid { Ok(Self(text.into())) } else { Err(SourceError) }
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;
    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_of_ours_a_directory_or_a_host() {
        for good in ["builtin", "rekognition", "efficientnet-lite0", "http:127.0.0.1:9000", "http:[::1]:9000"] {
            assert_eq!(good.parse::<Source>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "http://user:secret@host/", "ünicode", "a\n", &"x".repeat(101)] {
            assert_eq!(bad.parse::<Source>(), Err(SourceError), "{bad}");
        }
    }
}
