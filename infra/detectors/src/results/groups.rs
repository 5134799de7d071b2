//! From the probabilities of classes to labels, each of which stands for one class or many.

use labelcast_functions::model::{Confidence, Label, LabelName, ModerationLabel, ModerationName, Source};

/// From which confidence on what a model sees counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A label that is broader than a class: `animal`.
    pub broader: Confidence,
    /// A label that is no broader one: `tabby cat`.
    pub specific: Confidence,
    /// A moderation label.
    pub moderation: Confidence,
}

impl Default for Thresholds {
    /// 50, 40 and 80 percent. `docs/models.md` says how they were chosen.
    fn default() -> Self {
        let percent = |percent: u16| Confidence::from_hundredths(percent * 100).unwrap_or(Confidence::FULL);
        Self { broader: percent(50), specific: percent(40), moderation: percent(80) }
    }
}

/// Whether a label is broader than some class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Specific,
    Broader,
}

/// A name, and the numbers of the classes that it stands for: no number twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<Name> {
    pub(crate) name: Name,
    pub(crate) rank: Rank,
    pub(crate) classes: Vec<usize>,
    /// Broader names, the nearest first.
    pub(crate) broader: Vec<Name>,
}

/// How the probabilities of several classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    /// One class is right: the sum.
    One,
    /// Any may be, each by itself: one minus the product of what is missing from each.
    Any,
}

impl Combination {
    /// From 0 to 1, and at least as much as each of them.
    pub(crate) fn of(self, probabilities: impl Iterator<Item = f64> + Clone) -> f64 {
        let largest = probabilities.clone().fold(0.0, f64::max);
        let together = match self {
            Self::One => probabilities.sum::<f64>(),
            Self::Any => 1.0 - probabilities.map(|probability| 1.0 - probability).product::<f64>(),
        };
        // Neither more than one nor less than the largest, however it is rounded.
        together.clamp(largest.min(1.0), 1.0)
    }
}

/// What is sure enough, the surest first; of what is equally sure, broader labels.
fn found<'a, Name>(
    groups: &'a [Group<Name>],
    probabilities: &[f64],
    combination: Combination,
    threshold: impl Fn(Rank) -> Confidence,
) -> Vec<(&'a Group<Name>, Confidence)> {
    let mut found: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            let of_classes = group.classes.iter().filter_map(|class| probabilities.get(*class).copied());
            let confidence = Confidence::from_percent(combination.of(of_classes) * 100.0)?;
            (confidence >= threshold(group.rank)).then_some((group, confidence))
        })
        .collect();
    found.sort_by_key(|(group, confidence)| std::cmp::Reverse((*confidence, group.rank)));
    found
}

/// The labels of a picture whose classes have these probabilities.
pub(crate) fn labels(
    groups: &[Group<LabelName>],
    probabilities: &[f64],
    combination: Combination,
    thresholds: Thresholds,
    source: &Source,
) -> Vec<Label> {
    let threshold = |rank| match rank {
        Rank::Broader => thresholds.broader,
        Rank::Specific => thresholds.specific,
    };
    let found = found(groups, probabilities, combination, threshold);
    let label = |(group, confidence): (&Group<LabelName>, Confidence)| Label {
        name: group.name.clone(),
        confidence,
        source: Some(source.clone()),
        parents: group.broader.clone(),
    };
    found.into_iter().map(label).collect()
}

/// The moderation labels of a picture whose classes have these probabilities. A name's groups hold the classes of those below
/// it, so that it is at least as sure as they are and stands before them.
pub(crate) fn moderation(
    groups: &[Group<ModerationName>],
    probabilities: &[f64],
    combination: Combination,
    thresholds: Thresholds,
    source: &Source,
) -> Vec<ModerationLabel> {
    let mut found = found(groups, probabilities, combination, |_| thresholds.moderation);
    found.sort_by_key(|(group, confidence)| (std::cmp::Reverse(*confidence), group.name.with_those_above().len()));
    let label = |(group, confidence): (&Group<ModerationName>, Confidence)| ModerationLabel {
        name: group.name.as_str().to_owned(),
        parent: group.name.parent().to_owned(),
        confidence,
        source: Some(source.clone()),
    };
    found.into_iter().map(label).collect()
}
