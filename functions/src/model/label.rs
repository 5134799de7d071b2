//! Labels: what a picture shows, and how sure the detector is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use utoipa::ToSchema;

use super::Source;

/// The name of a label: lower case, trimmed, inner white space folded to one blank, 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelName(SmolStr);

impl LabelName {
    /// The longest name, in characters. Longer keywords are no labels.
    pub const MAX_CHARS: usize = 100;

    /// Folds a text into a label's name; `None` if nothing is left or it is too long.
    pub fn fold(text: &str) -> Option<Self> {
        let mut folded = String::with_capacity(text.len());
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.extend(word.chars().flat_map(char::to_lowercase));
        }
        let fits = !folded.is_empty() && folded.chars().count() <= Self::MAX_CHARS;
        fits.then(|| Self(folded.into()))
    }

    /// The name in lower case, at most 100 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is empty or too long for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to 100 characters")]
pub struct LabelNameError;

impl FromStr for LabelName {
    type Err = LabelNameError;
    fn from_str(text: &str) -> Result<Self, LabelNameError> {
        Self::fold(text).ok_or(LabelNameError)
    }
}

impl TryFrom<String> for LabelName {
    type Error = LabelNameError;
    fn try_from(text: String) -> Result<Self, LabelNameError> {
        text.parse()
    }
}

impl From<LabelName> for String {
    fn from(name: LabelName) -> String {
        name.0.into()
    }
}

/// How sure a detector is, in percent: 0 to 100, kept in hundredths so that it compares and stores exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(u16);

impl Confidence {
    /// The least confidence: as a bound it lets everything pass.
    pub const ZERO: Self = Self(0);
    /// The highest confidence, 100 percent.
    pub const FULL: Self = Self(10_000);

    /// From percent; `None` outside 0 to 100 or if it is no number.
    pub fn from_percent(percent: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000 fits u16")]
        (0.0..=100.0).contains(&percent).then(|| Self((percent * 100.0).round() as u16))
    }

    /// From hundredths of a percent, 0 to 10,000.
    pub const fn from_hundredths(hundredths: u16) -> Option<Self> {
        if hundredths <= 10_000 { Some(Self(hundredths)) } else { None }
    }

    /// In hundredths of a percent.
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// The confidence in percent, 0 to 100, with two digits after the point.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// A confidence outside 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a confidence must be a number from 0 to 100, not {0}")]
pub struct ConfidenceError(f64);

impl TryFrom<f64> for Confidence {
    type Error = ConfidenceError;
    fn try_from(percent: f64) -> Result<Self, ConfidenceError> {
        Self::from_percent(percent).ok_or(ConfidenceError(percent))
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> f64 {
        confidence.percent()
    }
}

/// Something that a picture shows, and how sure that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The name in lower case.
    #[schema(value_type = String, example = "golden retriever")]
    pub name: LabelName,
    /// How sure it is, from 0 to 100 percent.
    #[schema(value_type = f64, minimum = 0, maximum = 100, example = 97.25)]
    pub confidence: Confidence,
    /// The detector that found it: `builtin`, `rekognition`, the name of a model, or `http:` and the host of a service. Missing
    /// in what was labelled before detectors had names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "efficientnet-lite0")]
    pub source: Option<Source>,
    /// Broader names of the same thing, the nearest first, if the detector knows any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false, example = json!(["dog", "pet", "animal"]))]
    pub parents: Vec<LabelName>,
}

impl Label {
    /// A label that no detector has put its name to yet.
    pub const fn new(name: LabelName, confidence: Confidence) -> Self {
        Self { name, confidence, source: None, parents: Vec::new() }
    }

    /// The same, found by this detector.
    #[must_use]
    pub fn found_by(self, source: &Source) -> Self {
        Self { source: Some(source.clone()), ..self }
    }

    /// The label that every offensive image gets, at the confidence of its surest moderation label.
    pub const OFFENSIVE: &'static str = "offensive";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_name_is_folded_to_lower_case() {
        assert_eq!(LabelName::fold("  Golden\n Retriever ").unwrap().as_str(), "golden retriever");
        assert_eq!(LabelName::fold(" \t"), None);
        assert_eq!(LabelName::fold(&"x".repeat(101)), None);
    }

    #[test]
    fn a_confidence_is_between_0_and_100() {
        assert_eq!(Confidence::from_percent(99.994).map(Confidence::percent), Some(99.99));
        for bad in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Confidence::from_percent(bad), None);
        }
    }
}
