//! What makes a picture offensive: that it says so itself. Nothing is guessed from its pixels.

mod everyday;

use labelcast_functions::model::{Confidence, LabelName, ModerationLabel, ModerationName, Source};

pub use everyday::EverydayWord;

/// What an adult content warning stands for.
const ADULT: &str = "Explicit";

/// Keywords that are names of the taxonomy, and the adult content warning, each with all its ancestors before it. Keywords that
/// are everyday words too say nothing as long as nothing else does, but for those that count.
pub(super) fn judge(
    keywords: &[LabelName],
    needs_adult_warning: bool,
    counted: &[EverydayWord],
) -> Vec<ModerationLabel> {
    let says_something = |keyword: &&LabelName| match EverydayWord::of(keyword) {
        Some(word) => counted.contains(&word),
        None => ModerationName::find(keyword.as_str()).is_some(),
    };
    if !needs_adult_warning && keywords.iter().find(says_something).is_none() {
        return Vec::new();
    }
    let mut hits = Vec::new();
    let warning = needs_adult_warning.then_some(ADULT);
    for name in warning.into_iter().chain(keywords.iter().map(LabelName::as_str)).filter_map(ModerationName::find) {
        for hit in name.with_those_above() {
            if !hits.contains(&hit) {
                hits.push(hit);
            }
        }
    }
    let label = |name: ModerationName| ModerationLabel {
        name: name.as_str().to_owned(),
        parent: name.parent().to_owned(),
        confidence: Confidence::FULL,
        source: Some(Source::BUILTIN),
    };
    hits.into_iter().map(label).collect()
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
    fn a_hit_includes_its_ancestors_as_hits() {
        let expected = [("Violence", ""), ("Graphic Violence", "Violence"), ("Blood & Gore", "Graphic Violence")];
        assert_eq!(found(&["dog", "BLOOD  & gore"], false), pairs(&expected));
    }

    #[test]
    fn hits_with_a_common_ancestor_include_it_once() {
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
    fn the_keyword_offensive_and_partial_names_are_not_hits() {
        assert!(found(&["offensive", "weapon", "explicit lyrics", "beer", "nude"], false).is_empty());
    }
}
