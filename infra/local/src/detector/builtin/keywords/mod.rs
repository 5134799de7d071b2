//! What the people who made or sold the picture wrote into it. It is given, not guessed: its confidence is 100.

mod iptc;
mod xmp;

use labelcast_functions::model::LabelName;

use super::metadata::Metadata;

/// More keywords are not read: an uploader who writes thousands into a picture describes nothing.
const MAX_KEYWORDS: usize = 50;

/// What a picture says of itself.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Each once, in the order of the file, at most 50.
    pub(super) keywords: Vec<LabelName>,
    /// PLUS: an adult content warning is required.
    pub(super) needs_adult_warning: bool,
}

impl Carried {
    /// Texts that are empty or too long for a label are passed over.
    fn add(&mut self, keyword: &str) {
        if self.keywords.len() == MAX_KEYWORDS {
            return;
        }
        if let Some(name) = LabelName::fold(keyword).filter(|name| !self.keywords.contains(name)) {
            self.keywords.push(name);
        }
    }
}

/// Reads all the sources. One that cannot be read takes nothing from the others.
pub(super) fn read(metadata: &Metadata) -> Carried {
    let mut carried = Carried::default();
    for packet in &metadata.xmp {
        if let Err(error) = xmp::read(packet, &mut carried) {
            tracing::debug!(%error, "an XMP packet could not be parsed completely");
        }
    }
    for records in &metadata.iptc {
        iptc::read(records, &mut carried);
    }
    for list in &metadata.keyword_lists {
        list.split([',', ';']).for_each(|keyword| carried.add(keyword));
    }
    carried
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lists: &[&str]) -> Vec<String> {
        let keyword_lists = lists.iter().map(ToString::to_string).collect();
        let carried = read(&Metadata { keyword_lists, ..Metadata::default() });
        carried.keywords.into_iter().map(String::from).collect()
    }

    #[test]
    fn lists_are_split_at_commas_and_semicolons_folded_and_deduplicated() {
        assert_eq!(
            names(&["Dog, cat;  Golden\tRetriever ,,;", "CAT,bird"]),
            ["dog", "cat", "golden retriever", "bird"]
        );
    }

    #[test]
    fn at_most_50_keywords_are_read_and_overlong_ones_skipped() {
        let many: Vec<_> = (0..80).map(|number| format!("{},keyword {number}", "x".repeat(101))).collect();
        let names = names(&[&many.join(";")]);
        assert_eq!((names.len(), names[49].as_str()), (50, "keyword 49"));
    }

    #[test]
    fn a_broken_source_does_not_affect_the_others() {
        let metadata = Metadata {
            xmp: vec!["<x:xmpmeta <<".into()],
            iptc: vec![vec![0x1c, 2, 25, 0xff].into()],
            keyword_lists: vec!["dog".to_owned()],
        };
        assert_eq!(read(&metadata).keywords, [LabelName::fold("dog").unwrap()]);
    }
}
