//! What a detector found, and what became of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::{Confidence, Label, LabelName, Source};

/// A hit in the moderation taxonomy. A deep hit comes with its ancestors as hits of their own, as Rekognition gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModerationLabel {
    /// As the taxonomy writes it, for example `Graphic Violence`.
    pub name: String,
    /// The name one level up; empty at the top, as Rekognition has it.
    pub parent: String,
    /// How sure the detector is, from 0 to 100 percent.
    #[schema(value_type = f64, minimum = 0, maximum = 100)]
    pub confidence: Confidence,
    /// The detector that found it. Missing in what was labelled before detectors had names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "open-nsfw")]
    pub source: Option<Source>,
}

/// One of a picture's dominant colours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Color {
    /// Rekognition's simplified name, lower case: red, orange, yellow, green, blue, purple, pink, brown, black, grey, white.
    pub name: String,
    /// The colour as CSS writes it: `#rrggbb`, in lower case.
    pub hex: String,
    /// Share of the pixels in percent, 0 to 100.
    #[schema(value_type = f64, minimum = 0, maximum = 100)]
    pub percent: Confidence,
}

/// A detector that failed on a picture which others analyzed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedDetector {
    /// The detector, as `source` of a label names it.
    #[schema(value_type = String, example = "http:127.0.0.1:9000")]
    pub name: Source,
    /// Why, for people.
    pub reason: String,
}

/// The raw result of one detector for a picture, or of several together. Each has applied its own minimum confidence:
/// everything in here counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detection {
    /// In the detector's own order of importance.
    pub labels: Vec<Label>,
    /// Empty unless the picture is offensive.
    pub moderation: Vec<ModerationLabel>,
    /// Dominant colours, most frequent first.
    pub colors: Vec<Color>,
    /// The detectors that were asked too, and gave no answer.
    pub failed: Vec<FailedDetector>,
}

/// The moderation status of an image; [`Audience::may_see`](super::Audience::may_see) says who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// Not offensive: visible to everyone signed in.
    Visible,
    /// Offensive, not yet reviewed: moderators only.
    Pending,
    /// Offensive, approved by a moderator: visible to everyone signed in.
    Approved,
    /// Offensive, removed by a moderator: moderators only.
    Removed,
}

impl Status {
    /// The status's name in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The result that is stored: the detection after the product's own rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// At most 20 from the detector, then `offensive` and the moderation labels of an offensive image.
    pub labels: Vec<Label>,
    /// Why the image is offensive; empty if it is not.
    pub moderation: Vec<ModerationLabel>,
    /// Dominant colours, most frequent first.
    pub colors: Vec<Color>,
    /// When `analyze` got the detector's result.
    pub labelled_at: DateTime<Utc>,
    /// Whether an offensive image is only hidden: it waits for a moderator, and nobody is alerted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// The detectors that were asked too, and gave no answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedDetector>,
}

impl Analysis {
    /// Of a picture in which nothing was found.
    pub const fn nothing(labelled_at: DateTime<Utc>) -> Self {
        Self {
            labels: Vec::new(),
            moderation: Vec::new(),
            colors: Vec::new(),
            labelled_at,
            silent: false,
            failed: Vec::new(),
        }
    }

    /// Whether moderators are alerted of it.
    pub fn alerts(&self) -> bool {
        self.is_offensive() && !self.silent
    }

    /// At least one moderation label: that alone makes an image offensive, not a keyword of that name.
    pub fn is_offensive(&self) -> bool {
        !self.moderation.is_empty()
    }

    /// The status that an image starts with.
    pub fn first_status(&self) -> Status {
        if self.is_offensive() { Status::Pending } else { Status::Visible }
    }

    /// How sure the detector is of a label, if the image has it.
    pub fn confidence_of(&self, name: &LabelName) -> Option<Confidence> {
        self.labels.iter().find(|label| label.name == *name).map(|label| label.confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stored_before_detectors_had_names_are_readable() {
        let stored = r##"{"labels":[{"name":"dog","confidence":97.25}],
            "moderation":[{"name":"Violence","parent":"","confidence":99.0}],
            "colors":[{"name":"grey","hex":"#808080","percent":12.34}],"labelled_at":"2026-05-01T10:00:00Z"}"##;
        let analysis: Analysis = serde_json::from_str(stored).unwrap();
        assert_eq!((&analysis.labels[0].source, &analysis.labels[0].parents), (&None, &Vec::new()));
        assert_eq!(analysis.moderation[0].source, None);
        assert!(analysis.alerts() && analysis.failed.is_empty());
        let written = serde_json::to_value(&analysis).unwrap();
        let before: serde_json::Value = serde_json::from_str(stored).unwrap();
        assert_eq!(written, before, "what an older version wrote, it can read again");
    }
}
