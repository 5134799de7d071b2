//! What makes a picture offensive: that it says so itself. Nothing is guessed from its pixels.

use labelcast_functions::model::{Confidence, LabelName, ModerationLabel, ModerationName};

/// What an adult content warning stands for.
const ADULT: &str = "Explicit";

/// Keywords that are names of the taxonomy, and the adult content warning, each with all its ancestors before it.
pub(super) fn judge(keywords: &[LabelName], needs_adult_warning: bool) -> Vec<ModerationLabel> {
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
    };
    hits.into_iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keywords: &[&str], warning: bool) -> Vec<(String, String)> {
        let keywords: Vec<_> = keywords.iter().map(|keyword| LabelName::fold(keyword).unwrap()).collect();
        let hits = judge(&keywords, warning);
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
    fn an_adult_content_warning_is_explicit() {
        assert_eq!(found(&[], true), pairs(&[("Explicit", "")]));
    }

    #[test]
    fn the_keyword_offensive_and_words_that_only_sound_like_a_name_are_none() {
        assert!(found(&["offensive", "weapon", "explicit lyrics", "beer", "nude"], false).is_empty());
    }
}
