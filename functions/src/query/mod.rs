//! The search language, for searches and for filters.
//!
//! | query | matches images |
//! | --- | --- |
//! | `dog` | with the label `dog`, not `dog house` |
//! | `dog cat` | with both |
//! | `dog OR cat` | with one or the other; binds less tightly than a blank |
//! | `-person`, `-(a b)` | without |
//! | `"hot dog"` | with that label; within the quotation marks `\"` and `\\` stand for `"` and `\` |
//! | `sun*`, `"hot d"*` | with a label that begins so |
//! | `dog:95`, `sun*:97.5` | with such a label of at least that confidence |
//! | `is:offensive` | with a moderation label |
//! | `by:me` | that the asking user uploaded |
//! | nothing | all |
//!
//! Case does not matter, save for `OR`: `or` is a word. A query has at most 1,000 characters, 64 words and 32
//! parentheses within each other.

mod bucket;
mod error;
mod expression;
mod grammar;
mod image_fields;
mod lexer;
mod merge;
mod normal;
mod parser;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use bucket::Bucket;
pub use error::QueryError;
pub use grammar::pattern;
pub use image_fields::ImageFields;
pub use merge::{Candidates, Page, merge};
pub use normal::{Conjunction, LabelTerm, Normal, PrefixTerm, Prohibited};

use crate::model::{Audience, Confidence, Image, LabelName};
use expression::{Expression, Pattern, Term};

/// A query that was read. It is written, by `Display` and by serde, as a canonical text: without needless parentheses
/// and quotation marks, folded as labels are, and the same for queries that are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Query(Expression);

impl Query {
    /// The longest text that is taken from outside, in characters.
    pub const MAX_CHARS: usize = 1_000;

    /// No query that was read is written longer than this, in characters, translated and with confidences as it may
    /// be: 64 terms of 100 characters, each of which may need a backslash, with signs, `OR` and parentheses.
    const MAX_WRITTEN_CHARS: usize = 16_000;

    /// The query that matches every image.
    pub fn everything() -> Self {
        Self(Expression::All(Vec::new()))
    }

    /// Reads what somebody typed. An empty or blank text is [`everything`](Self::everything).
    ///
    /// Errors: the text is not of the language, or beyond its bounds; the error says where and what was expected.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parser::parse(text, Self::MAX_CHARS).map(Self)
    }

    /// Whether every image matches because the query is empty.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether this audience may ask it: `is:offensive` is for moderators.
    pub fn may_be_asked_by(&self, audience: Audience<'_>) -> bool {
        audience.is_moderator() || !self.0.uses_offensive()
    }

    /// Whether a search of this audience's finds the image.
    pub fn finds(&self, image: &Image, audience: Audience<'_>) -> bool {
        audience.sees(image) && ImageFields::of(image, audience).is_some_and(|fields| self.matches(&fields))
    }

    /// Whether the image matches.
    pub fn matches(&self, fields: &ImageFields) -> bool {
        self.0.matches(fields)
    }

    /// With its words and phrases in English, as far as `translate` knows them. It is given each as the name of a
    /// label. A beginning is translated if it is a known word as it stands, and stays a beginning: `hond*` becomes `dog*`.
    #[must_use]
    pub fn translated(&self, mut translate: impl FnMut(&str) -> Option<LabelName>) -> Self {
        let mut english = |name: &LabelName| translate(name.as_str()).unwrap_or_else(|| name.clone());
        Self(self.0.map_terms(&mut |term| {
            let pattern = match &term.pattern {
                Pattern::Whole(name) => Pattern::Whole(english(name)),
                Pattern::Prefix(name) => Pattern::Prefix(english(name)),
            };
            Term { pattern, at_least: term.at_least }
        }))
    }

    /// With this confidence for every term, wanted or not, that has none of its own: `dog -cat:50` at 85 becomes
    /// `dog:85 -cat:50`.
    #[must_use]
    pub fn with_min_confidence(&self, minimum: Confidence) -> Self {
        Self(self.0.map_terms(&mut |term| Term { at_least: term.at_least.or(Some(minimum)), ..term.clone() }))
    }

    /// Its disjunctive normal form, if that is small.
    pub fn normalized(&self) -> Normal {
        Normal::of(&self.0)
    }

    /// Where it is kept as a filter. Whenever it matches an image, one of these is among what the image
    /// [asks](Bucket::requested_by). Empty if nothing can match it.
    pub fn buckets(&self) -> std::collections::BTreeSet<Bucket> {
        Bucket::of(&self.normalized())
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::parse(text)
    }
}

/// For serde: reads back what was written, which can be longer than what is taken from outside
/// (`"a b"c` is written `"a b" c`, and translations and confidences add more).
impl TryFrom<String> for Query {
    type Error = QueryError;
    fn try_from(text: String) -> Result<Self, QueryError> {
        parser::parse(&text, Self::MAX_WRITTEN_CHARS).map(Self)
    }
}

impl From<Query> for String {
    fn from(query: Query) -> String {
        query.to_string()
    }
}
