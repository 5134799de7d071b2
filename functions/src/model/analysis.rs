//! What a detector found, and what became of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Confidence, Label, LabelName};

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

/// What a detector says of one picture, before anything is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// In the detector's own order of importance.
    pub labels: Vec<Label>,
    /// Empty unless the picture is offensive.
    pub moderation: Vec<ModerationLabel>,
    /// Most frequent first.
    pub colors: Vec<Color>,
}

/// What was decided of an image; [`Audience::may_see`](super::Audience::may_see) says who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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
    /// As it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Removed => "removed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Visible, Self::Pending, Self::Approved, Self::Removed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(())
    }
}

/// The result that is stored: the detection after the product's own rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// At most 20 from the detector, then `offensive` and the moderation labels of an offensive image.
    pub labels: Vec<Label>,
    /// Why the image is offensive; empty if it is not.
    pub moderation: Vec<ModerationLabel>,
    /// Most frequent first.
    pub colors: Vec<Color>,
    /// When `analyze` had the detector's answer.
    pub labelled_at: DateTime<Utc>,
}

impl Analysis {
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
