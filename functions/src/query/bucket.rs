//! The filter index: a filter is stored in the buckets that matching images look up, so that not every filter is evaluated
//! for every image.

use std::collections::BTreeSet;
use std::fmt;

use super::normal::{Conjunction, Normal};
use crate::model::{Label, LabelName};

/// A place where filters are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// Filters that match only images with this label. Written `label:dog`.
    Label(LabelName),
    /// Filters that match only images with a label that begins with these two characters. Written `prefix:su`.
    Prefix(String),
    /// All others, and what is no filter at all. Written `*`.
    Everything,
}

impl Bucket {
    /// The places that an image asks: no filter that matches it is indexed anywhere else.
    pub fn requested_by(labels: &[Label]) -> BTreeSet<Self> {
        let names = labels.iter().map(|label| &label.name);
        let prefixes = names.clone().filter_map(|name| Self::prefix(name.as_str()));
        names.cloned().map(Self::Label).chain(prefixes).chain([Self::Everything]).collect()
    }

    pub(super) fn of(normal: &Normal) -> BTreeSet<Self> {
        match normal {
            Normal::Conjunctions(conjunctions) => conjunctions.iter().map(Self::of_conjunction).collect(),
            Normal::TooMany => BTreeSet::from([Self::Everything]),
        }
    }

    /// Long names are taken for rare ones: `golden retriever` rather than `dog`.
    fn of_conjunction(conjunction: &Conjunction) -> Self {
        let names = conjunction.required.iter().map(|term| &term.name);
        let prefixes = conjunction.prefixes.iter().map(|term| term.prefix.as_str());
        let label = longest(names, |name| name.as_str()).cloned().map(Self::Label);
        label.or_else(|| longest(prefixes, |prefix| prefix).and_then(Self::prefix)).unwrap_or(Self::Everything)
    }

    /// `None` for a text of one character.
    fn prefix(text: &str) -> Option<Self> {
        let (last, c) = text.char_indices().nth(1)?;
        Some(Self::Prefix(text[..last + c.len_utf8()].to_owned()))
    }
}

/// The longest in characters; the first in the alphabet among equals.
fn longest<T: Copy>(texts: impl Iterator<Item = T>, text_of: impl Fn(&T) -> &str) -> Option<T> {
    texts.min_by(|one, other| {
        let (one, other) = (text_of(one), text_of(other));
        other.chars().count().cmp(&one.chars().count()).then_with(|| one.cmp(other))
    })
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "label:{name}"),
            Self::Prefix(prefix) => write!(f, "beginning:{prefix}"),
            Self::Everything => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Confidence;
    use crate::query::Query;

    fn buckets(query: &str) -> Vec<String> {
        Query::parse(query).unwrap().buckets().iter().map(Bucket::to_string).collect()
    }

    #[test]
    fn a_conjunction_is_indexed_under_its_longest_label_ties_broken_alphabetically() {
        assert_eq!(buckets("dog \"golden retriever\" -person sun*"), ["label:golden retriever"]);
        assert_eq!(buckets("dog cat"), ["label:cat"]);
        assert_eq!(buckets("été dogs"), ["label:dogs"], "length is counted in characters");
    }

    #[test]
    fn a_conjunction_without_a_label_is_indexed_under_two_characters_of_a_prefix() {
        assert_eq!(buckets("sun* -dog"), ["beginning:su"]);
        assert_eq!(buckets("日本*"), ["beginning:日本"]);
        assert_eq!(buckets("s* in*"), ["beginning:in"]);
    }

    #[test]
    fn a_conjunction_with_neither_is_indexed_under_the_catch_all() {
        for query in ["", "s*", "-dog", "is:offensive", "-(a b)"] {
            assert_eq!(buckets(query), ["*"], "{query}");
        }
    }

    #[test]
    fn every_alternative_is_indexed() {
        assert_eq!(buckets("dog OR cat OR su* OR -x"), ["label:cat", "label:dog", "beginning:su", "*"]);
        assert_eq!(buckets("a -a"), [""; 0], "nothing can match it");
    }

    #[test]
    fn too_many_alternatives_are_indexed_under_the_catch_all() {
        assert_eq!(buckets("(a OR b) (c OR d) (e OR f) (g OR h) (i OR j)"), ["*"]);
    }

    #[test]
    fn an_image_looks_up_its_labels_their_prefixes_and_the_catch_all() {
        let labels = ["dog", "x"].map(|name| Label::new(name.parse().unwrap(), Confidence::FULL));
        let request: Vec<_> = Bucket::requested_by(&labels).iter().map(Bucket::to_string).collect();
        assert_eq!(request, ["label:dog", "label:x", "beginning:do", "*"]);
    }
}
