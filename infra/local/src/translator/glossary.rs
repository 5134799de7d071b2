//! The glossary file: one row per label, one column per language, synonyms separated by `|`.

use std::collections::HashMap;

use labelcast_functions::model::LabelName;

use super::folding::{exact, loose};

/// The first row names the languages; the first word of a row's first column is the label.
const FILE: &str = include_str!("glossary.tsv");

/// Every label of the built-in detector, and the commonest keywords of photographs, in six languages.
#[derive(Debug)]
pub struct Glossary {
    languages: Vec<Language>,
}

#[derive(Debug, Default)]
struct Language {
    code: &'static str,
    /// Words with their accents.
    exact: HashMap<LabelName, LabelName>,
    /// Without accents; asked second, so that accents that distinguish two words take effect.
    loose: HashMap<LabelName, LabelName>,
}

impl Glossary {
    /// The glossary that is built in.
    pub fn new() -> Self {
        let mut rows = FILE.lines().map(|line| line.split('\t'));
        let codes = rows.next().into_iter().flatten();
        let mut languages: Vec<_> = codes.map(|code| Language { code, ..Language::default() }).collect();
        for row in rows {
            let row: Vec<_> = row.collect();
            let Some(label) = row.first().and_then(|cell| cell.split('|').next()).and_then(LabelName::fold) else {
                continue;
            };
            for (language, cell) in languages.iter_mut().zip(row) {
                cell.split('|').for_each(|word| language.add(word, &label));
            }
        }
        Self { languages }
    }

    /// The languages that can be translated from, as ISO 639-1 codes. English is one: `gray` is `grey`.
    pub fn languages(&self) -> impl Iterator<Item = &'static str> {
        self.languages.iter().map(|language| language.code)
    }

    /// The label that a word stands for. Case does not matter, and accents only where they distinguish two words. A
    /// region after the language (`nl-BE`) is ignored. `None` if the language or the word is not in the glossary.
    pub fn translate(&self, language: &str, word: &str) -> Option<LabelName> {
        let code = language.split(['-', '_']).next().unwrap_or(language);
        let language = self.languages.iter().find(|known| known.code.eq_ignore_ascii_case(code))?;
        let by_spelling = exact(language.code, word).and_then(|word| language.exact.get(&word));
        by_spelling.or_else(|| language.loose.get(&loose(word)?)).cloned()
    }
}

impl Default for Glossary {
    fn default() -> Self {
        Self::new()
    }
}

impl Language {
    /// Where a word means two things the upper row stands: `rose` is first the colour in French, then the flower.
    fn add(&mut self, word: &str, label: &LabelName) {
        if let Some(word) = exact(self.code, word) {
            self.exact.entry(word).or_insert_with(|| label.clone());
        }
        if let Some(word) = loose(word) {
            self.loose.entry(word).or_insert_with(|| label.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::detector::builtin;

    const LANGUAGES: [&str; 6] = ["en", "nl", "tr", "de", "fr", "es"];
    /// Words that are a colour and a flower; the colour's row stands first.
    const HOMONYMS: [(&str, &str); 2] = [("fr", "rose"), ("es", "rosa")];

    fn rows() -> impl Iterator<Item = Vec<&'static str>> {
        FILE.lines().skip(1).map(|line| line.split('\t').collect())
    }

    fn translated(language: &str, word: &str) -> Option<String> {
        Glossary::new().translate(language, word).map(String::from)
    }

    #[test]
    fn every_row_has_a_trimmed_lower_case_word_in_every_language() {
        assert_eq!(Glossary::new().languages().collect::<Vec<_>>(), LANGUAGES);
        for row in rows() {
            assert_eq!(row.len(), LANGUAGES.len(), "{row:?}");
            for word in row.iter().flat_map(|cell| cell.split('|')) {
                let folded = LabelName::fold(word).map(String::from);
                assert_eq!(folded.as_deref(), Some(word), "{row:?}");
            }
        }
    }

    #[test]
    fn every_label_of_the_built_in_detector_is_covered() {
        let labels: HashSet<_> = rows().map(|row| row[0].split('|').next().unwrap()).collect();
        for label in builtin::own_labels() {
            assert!(labels.contains(label), "{label}");
        }
        for name in builtin::moderation_names().chain(["offensive"]) {
            assert!(labels.contains(LabelName::fold(name).unwrap().as_str()), "{name}");
        }
    }

    #[test]
    fn every_word_leads_to_the_label_of_its_row_with_and_without_accents() {
        let glossary = Glossary::new();
        for row in rows() {
            let label = row[0].split('|').next().unwrap();
            for (language, cell) in LANGUAGES.iter().zip(&row) {
                for word in cell.split('|').filter(|word| !HOMONYMS.contains(&(language, word))) {
                    let plain = loose(word).unwrap();
                    for spelling in [word, plain.as_str()] {
                        let found = glossary.translate(language, spelling).map(String::from);
                        assert_eq!(found.as_deref(), Some(label), "{language} {spelling}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_ambiguous_word_means_the_colour() {
        assert_eq!(translated("fr", "rose").as_deref(), Some("pink"));
        assert_eq!(translated("es", "rosa").as_deref(), Some("pink"));
        assert_eq!(translated("fr", "rosier").as_deref(), Some("rose"));
    }

    #[test]
    fn words_are_translated_whatever_their_case_and_accents() {
        for (language, word, label) in [
            ("nl", "Hond", "dog"),
            ("nl-BE", "  Vlinder ", "butterfly"),
            ("tr", "KIRMIZI", "red"),
            ("tr", "kirmizi", "red"),
            ("tr", "İNEK", "cow"),
            ("de", "Weiss", "white"),
            ("fr", "arc en ciel", "rainbow"),
            ("ES", "nino", "child"),
            ("en", "gray", "grey"),
        ] {
            assert_eq!(translated(language, word).as_deref(), Some(label), "{language} {word}");
        }
    }

    #[test]
    fn an_unknown_word_or_language_has_no_translation() {
        assert_eq!(translated("nl", "labelcastwoord"), None);
        assert_eq!(translated("xx", "hond"), None);
        assert_eq!(translated("nl", "perro"), None);
        assert_eq!(translated("nl", " "), None);
    }
}
