//! Names of the taxonomy that shops and agencies write into pictures every day.

use std::fmt;
use std::str::FromStr;

use labelcast_functions::model::LabelName;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EverydayWord(&'static str);

/// As labels are written. `tobacco` is the top of the taxonomy as people write it.
const WORDS: [&str; 5] = ["products", "drinking", "alcohol", "tobacco", "gambling"];

impl EverydayWord {
    pub(super) fn of(keyword: &LabelName) -> Option<Self> {
        WORDS.into_iter().find(|word| *word == keyword.as_str()).map(Self)
    }
}

impl fmt::Display for EverydayWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The text is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}; other names of the taxonomy count anyway", WORDS.join(", "))]
pub struct EverydayWordError;

impl FromStr for EverydayWord {
    type Err = EverydayWordError;
    fn from_str(text: &str) -> Result<Self, EverydayWordError> {
        LabelName::fold(text).and_then(|name| Self::of(&name)).ok_or(EverydayWordError)
    }
}
