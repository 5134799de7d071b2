//! What makes a picture offensive: that it says so itself. Nothing is guessed from its pixels.

mod everyday;
mod taxonomy;

use std::collections::HashMap;
use std::sync::LazyLock;

use labelcast_functions::model::{Confidence, LabelName, ModerationLabel, Source};

pub use everyday::EverydayWord;
pub(super) use taxonomy::TAXONOMY;

/// What an adult content warning stands for.
const ADULT: &str = "Explicit";

/// A name of the taxonomy, and the name above it.
type Entry = (&'static str, &'static str);

/// By folded name.
static ENTRIES: LazyLock<HashMap<LabelName, Entry>> = LazyLock::new(|| {
    TAXONOMY.iter().map(|entry| (LabelName::fold(entry.0).expect("the taxonomy's names are labels"), *entry)).collect()
});

/// Keywords that are names of the taxonomy, and the adult content warning, each with all its ancestors before it. Keywords that
/// are everyday words too say nothing as long as nothing else does, but for those that count.
pub(super) fn judge(
    keywords: &[LabelName],
    needs_adult_warning: bool,
    counted: &[EverydayWord],
) -> Vec<ModerationLabel> {
    let says_something = |keyword: &&LabelName| match EverydayWord::of(keyword) {
        Some(word) => counted.contains(&word),
        None => ENTRIES.contains_key(*keyword),
    };
    if !needs_adult_warning && keywords.iter().find(says_something).is_none() {
        return Vec::new();
    }
    let mut hits = Vec::new();
    if needs_adult_warning {
        add_with_ancestors(ADULT, &mut hits);
    }
    for (name, _) in keywords.iter().filter_map(|keyword| ENTRIES.get(keyword)) {
        add_with_ancestors(name, &mut hits);
    }
    let label = |(name, parent): Entry| ModerationLabel {
        name: name.to_owned(),
        parent: parent.to_owned(),
        confidence: Confidence::FULL,
        source: Some(Source::BUILTIN),
    };
    hits.into_iter().map(label).collect()
}

/// The taxonomy is three levels deep, and so is this.
fn add_with_ancestors(name: &str, hits: &mut Vec<Entry>) {
    let Some(entry) = TAXONOMY.iter().find(|(known, _)| *known == name) else { return };
    add_with_ancestors(entry.1, hits);
    if !hits.contains(entry) {
        hits.push(*entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keywords: &[&str], warning: bool) -> Vec<(String, String)> {
        let keywords: Vec<_> = keywords.iter().map(|keyword| LabelName::fold(keyword).unwrap()).collect();
        let hits = judge(&keywords, warning, &[]);
        assert!(hits.iter().all(|hit| hit.confidence == Confidence::FULL));
        hits.into_iter().map(|hit| (hit.name, hit.parent)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, parent)| ((*name).to_owned(), (*parent).to_owned())).collect()
    }

    #[test]
    fn a_deep_hit_comes_with_its_ancestors_as_hits_of_their_own() {
        let expected = [("Violence", ""), ("Graphic Violence", "Violence"), ("Blood & Gore", "Graphic Violence")];
        assert_eq!(found(&["dog", "BLOOD  & gore"], false), pairs(&expected));
    }

    #[test]
    fn hits_with_a_common_ancestor_name_it_once() {
        let expected = [("Violence", ""), ("Weapons", "Violence"), ("Graphic Violence", "Violence")];
        assert_eq!(found(&["weapons", "graphic violence", "violence"], false), pairs(&expected));
    }

    #[test]
    fn everyday_words_alone_are_no_moderation_labels_unless_they_are_set_to_count() {
        for word in ["products", "Drinking", "alcohol", "tobacco", "GAMBLING"] {
            assert!(found(&["dog", word], false).is_empty(), "{word}");
        }
        let beside = found(&["products", "weapons"], false);
        assert_eq!(
            beside,
            pairs(&[
                ("Drugs & Tobacco", ""),
                ("Products", "Drugs & Tobacco"),
                ("Violence", ""),
                ("Weapons", "Violence")
            ])
        );
        assert_eq!(found(&["alcohol"], true), pairs(&[("Explicit", ""), ("Alcohol", "")]));
        let keywords = [LabelName::fold("gambling").unwrap(), LabelName::fold("products").unwrap()];
        let names = |counted: &[&str]| {
            let counted: Vec<_> = counted.iter().map(|word| word.parse().unwrap()).collect();
            judge(&keywords, false, &counted).into_iter().map(|hit| hit.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["Gambling"]), ["Gambling", "Drugs & Tobacco", "Products"]);
        assert!(names(&["alcohol"]).is_empty());
    }

    #[test]
    fn an_adult_content_warning_is_explicit() {
        assert_eq!(found(&[], true), pairs(&[("Explicit", "")]));
    }

    #[test]
    fn the_keyword_offensive_and_words_that_only_sound_like_a_name_are_none() {
        assert!(found(&["offensive", "weapon", "explicit lyrics", "beer", "nude"], false).is_empty());
    }

    #[test]
    fn the_taxonomy_is_a_tree_of_three_levels_with_the_ten_known_tops() {
        let parent_of = |name: &str| TAXONOMY.iter().find(|(known, _)| *known == name).unwrap().1;
        for (at, (name, parent)) in TAXONOMY.iter().enumerate() {
            assert_eq!(TAXONOMY.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count(), 1, "{name}");
            if !parent.is_empty() {
                assert!(TAXONOMY[..at].iter().any(|(before, _)| before == parent), "{name}");
                let above = parent_of(parent);
                assert!(above.is_empty() || parent_of(above).is_empty(), "{name}");
            }
        }
        assert_eq!(TAXONOMY.iter().filter(|(_, parent)| parent.is_empty()).count(), 10);
    }
}
