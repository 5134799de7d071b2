use std::collections::BTreeMap;

use labelcast_functions::model::{Confidence, Image, ImageId, Label, LabelName, Position, StoredResult};
use labelcast_functions::query::{Conjunction, ImageFields};
use serde::{Deserialize, Serialize};

use super::term::{Term, terms_of};
use crate::dynamodb::shards::{shard_of, sharded};

/// That an image has a term. It says enough of the image to pass it over without reading it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Posting {
    pub(super) pk: String,
    /// The position, so that postings stand in the order of their images.
    pub(super) sk: String,
    pub(super) image: ImageId,
    /// In hundredths of a percent, as sure as the surest of that name.
    labels: BTreeMap<LabelName, u16>,
    offensive: bool,
}

impl Posting {
    /// None before the image has a result.
    pub(super) fn of(image: &Image, term: &Term<'_>) -> Option<Self> {
        image.result.as_ref().map(|result| Self::with(image, result, term))
    }

    fn with(image: &Image, result: &StoredResult, term: &Term<'_>) -> Self {
        let mut labels = BTreeMap::new();
        for label in &result.analysis.labels {
            let surest = labels.entry(label.name.clone()).or_insert(0);
            *surest = label.confidence.hundredths().max(*surest);
        }
        Self {
            pk: sharded(&term.list(), shard_of(image.id.digest())),
            sk: result.position.to_string(),
            image: image.id,
            labels,
            offensive: result.analysis.is_offensive(),
        }
    }

    /// All of an image's.
    pub(super) fn all_of(image: &Image) -> Vec<Self> {
        terms_of(image).iter().filter_map(|term| Self::of(image, term)).collect()
    }

    /// A posting whose key was damaged stands below all others.
    pub(super) fn position(&self) -> Position {
        self.sk.parse().unwrap_or(Position(0))
    }

    /// Whether the image may meet every demand, as far as its labels show.
    pub(super) fn may_match(&self, conjunction: &Conjunction) -> bool {
        let label = |(name, hundredths): (&LabelName, &u16)| {
            Confidence::from_hundredths(*hundredths).map(|confidence| Label::new(name.clone(), confidence))
        };
        let labels: Vec<Label> = self.labels.iter().filter_map(label).collect();
        // Who brought it is not known here.
        let mine = conjunction.mine.unwrap_or_default();
        conjunction.matches(&ImageFields { labels: &labels, offensive: self.offensive, mine })
    }

    /// Whether this is about the image as it is: one that was removed may have come again since.
    pub(super) fn is_of(&self, image: &Image) -> bool {
        image.result.as_ref().is_some_and(|result| image.id == self.image && result.position == self.position())
    }
}
