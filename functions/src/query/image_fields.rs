//! The fields that a query is evaluated on.

use crate::model::{Audience, Confidence, Image, Label};

/// What there is to know of one image, for the user who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFields<'a> {
    /// All labels of the image.
    pub labels: &'a [Label],
    /// Whether it has a moderation label (not: a label of that name).
    pub offensive: bool,
    /// Whether the user who asks uploaded it.
    pub mine: bool,
}

impl<'a> ImageFields<'a> {
    /// What there is to know of an image for an audience; `None` before it has a result.
    ///
    /// Of a picture that is hidden from them, which its uploader is still notified of, they know neither labels nor that it
    /// is offensive: otherwise the filters `dog` and `-dog` on `uploads` would reveal what is on it.
    pub fn of(image: &'a Image, audience: Audience<'_>) -> Option<Self> {
        let analysis = &image.result.as_ref()?.analysis;
        let seen = audience.sees(image);
        Some(Self {
            labels: if seen { &analysis.labels } else { &[] },
            offensive: seen && analysis.is_offensive(),
            mine: audience.user().is_some_and(|user| image.is_uploaded_by(user)),
        })
    }
}

/// The labels that a term speaks of: those of one name, or of one beginning, with at least a confidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coverage<'a> {
    /// Folded as names are.
    pub text: &'a str,
    /// Whether the text is the name, and not only its beginning.
    pub whole: bool,
    pub at_least: Confidence,
}

impl Coverage<'_> {
    /// Whether one of the labels is spoken of.
    pub fn finds(self, labels: &[Label]) -> bool {
        labels.iter().any(|label| label.confidence >= self.at_least && self.names(label.name.as_str()))
    }

    fn names(self, name: &str) -> bool {
        if self.whole { name == self.text } else { name.starts_with(self.text) }
    }

    /// Whether every label that this one speaks of is spoken of by the other too, whatever labels there are.
    pub fn lies_within(self, wider: Coverage<'_>) -> bool {
        self.at_least >= wider.at_least && (self.whole || !wider.whole) && wider.names(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(text: &str, whole: bool, percent: u16) -> Coverage<'_> {
        Coverage { text, whole, at_least: Confidence::from_hundredths(percent * 100).unwrap() }
    }

    #[test]
    fn a_prefix_covers_its_names_and_a_lower_confidence_covers_higher_ones() {
        assert!(coverage("sunset", true, 90).lies_within(coverage("sun", false, 80)));
        assert!(coverage("sunset", false, 90).lies_within(coverage("sun", false, 90)));
        assert!(coverage("sun", true, 90).lies_within(coverage("sun", false, 0)));
        assert!(coverage("sun", true, 90).lies_within(coverage("sun", true, 90)));
        assert!(!coverage("sun", false, 90).lies_within(coverage("sun", true, 90)), "sunset is no sun");
        assert!(!coverage("sun", false, 90).lies_within(coverage("sunset", false, 90)));
        assert!(!coverage("sun", true, 80).lies_within(coverage("sun", true, 90)));
    }
}
