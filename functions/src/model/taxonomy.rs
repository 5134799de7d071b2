//! Rekognition's moderation taxonomy, version 7: the names that `DetectModerationLabels` uses, and so the names of all
//! moderation labels here.
//! Source: AWS, "Using the image and video moderation APIs", Amazon Rekognition Developer Guide.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::LabelName;

/// A name of the taxonomy, which is a tree of three levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModerationName {
    name: &'static str,
    parent: &'static str,
}

static BY_LABEL: LazyLock<HashMap<LabelName, ModerationName>> = LazyLock::new(|| {
    let folded = |name: &str| LabelName::fold(name).expect("the taxonomy's names are labels");
    ModerationName::ALL.iter().map(|entry| (folded(entry.name), *entry)).collect()
});

impl ModerationName {
    /// All of them. Parents stand before their children.
    pub const ALL: &[Self] = TAXONOMY;

    /// The name that is written like this, whatever its case and its white space.
    pub fn find(text: &str) -> Option<Self> {
        BY_LABEL.get(&LabelName::fold(text)?).copied()
    }

    /// As the taxonomy writes it, for example `Graphic Violence`.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// The name one level up; empty at the top, as Rekognition has it.
    pub const fn parent(self) -> &'static str {
        self.parent
    }

    /// The names above this one, the topmost first, and itself.
    pub fn with_those_above(self) -> Vec<Self> {
        let mut names = Self::find(self.parent).map(Self::with_those_above).unwrap_or_default();
        names.push(self);
        names
    }
}

const fn entry(name: &'static str, parent: &'static str) -> ModerationName {
    ModerationName { name, parent }
}

/// The parent of a top-level name is empty.
const TAXONOMY: &[ModerationName] = &[
    entry("Explicit", ""),
    entry("Explicit Nudity", "Explicit"),
    entry("Exposed Male Genitalia", "Explicit Nudity"),
    entry("Exposed Female Genitalia", "Explicit Nudity"),
    entry("Exposed Buttocks or Anus", "Explicit Nudity"),
    entry("Exposed Female Nipple", "Explicit Nudity"),
    entry("Explicit Sexual Activity", "Explicit"),
    entry("Sex Toys", "Explicit"),
    entry("Non-Explicit Nudity of Intimate parts and Kissing", ""),
    entry("Non-Explicit Nudity", "Non-Explicit Nudity of Intimate parts and Kissing"),
    entry("Bare Back", "Non-Explicit Nudity"),
    entry("Exposed Male Nipple", "Non-Explicit Nudity"),
    entry("Partially Exposed Buttocks", "Non-Explicit Nudity"),
    entry("Partially Exposed Female Breast", "Non-Explicit Nudity"),
    entry("Implied Nudity", "Non-Explicit Nudity"),
    entry("Obstructed Intimate Parts", "Non-Explicit Nudity of Intimate parts and Kissing"),
    entry("Obstructed Female Nipple", "Obstructed Intimate Parts"),
    entry("Obstructed Male Genitalia", "Obstructed Intimate Parts"),
    entry("Kissing on the Lips", "Non-Explicit Nudity of Intimate parts and Kissing"),
    entry("Swimwear or Underwear", ""),
    entry("Female Swimwear or Underwear", "Swimwear or Underwear"),
    entry("Male Swimwear or Underwear", "Swimwear or Underwear"),
    entry("Violence", ""),
    entry("Weapons", "Violence"),
    entry("Graphic Violence", "Violence"),
    entry("Weapon Violence", "Graphic Violence"),
    entry("Physical Violence", "Graphic Violence"),
    entry("Self-Harm", "Graphic Violence"),
    entry("Blood & Gore", "Graphic Violence"),
    entry("Explosions and Blasts", "Graphic Violence"),
    entry("Visually Disturbing", ""),
    entry("Death and Emaciation", "Visually Disturbing"),
    entry("Emaciated Bodies", "Death and Emaciation"),
    entry("Corpses", "Death and Emaciation"),
    entry("Crashes", "Visually Disturbing"),
    entry("Air Crash", "Crashes"),
    entry("Drugs & Tobacco", ""),
    entry("Products", "Drugs & Tobacco"),
    entry("Pills", "Products"),
    entry("Drugs & Tobacco Paraphernalia & Use", "Drugs & Tobacco"),
    entry("Smoking", "Drugs & Tobacco Paraphernalia & Use"),
    entry("Alcohol", ""),
    entry("Alcohol Use", "Alcohol"),
    entry("Drinking", "Alcohol Use"),
    entry("Alcoholic Beverages", "Alcohol"),
    entry("Rude Gestures", ""),
    entry("Middle Finger", "Rude Gestures"),
    entry("Gambling", ""),
    entry("Hate Symbols", ""),
    entry("Nazi Party", "Hate Symbols"),
    entry("White Supremacy", "Hate Symbols"),
    entry("Extremist", "Hate Symbols"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taxonomy_is_a_tree_of_three_levels_with_the_ten_known_tops() {
        for (at, entry) in TAXONOMY.iter().enumerate() {
            let others = TAXONOMY.iter().filter(|other| other.name.eq_ignore_ascii_case(entry.name));
            assert_eq!(others.count(), 1, "{}", entry.name);
            assert!((1..=3).contains(&entry.with_those_above().len()), "{}", entry.name);
            let before = TAXONOMY[..at].iter().any(|before| before.name == entry.parent);
            assert!(before || entry.parent.is_empty(), "{}", entry.name);
        }
        assert_eq!(TAXONOMY.iter().filter(|entry| entry.parent.is_empty()).count(), 10);
    }

    #[test]
    fn a_name_is_found_however_it_is_written_and_with_all_names_above_it() {
        let names = |text: &str| {
            ModerationName::find(text).map(|found| found.with_those_above().iter().map(|name| name.name).collect())
        };
        assert_eq!(names("BLOOD  & gore"), Some(vec!["Violence", "Graphic Violence", "Blood & Gore"]));
        assert_eq!(names("Explicit"), Some(vec!["Explicit"]));
        assert_eq!(names("explicit lyrics"), None);
        assert_eq!(names(""), None);
    }
}
