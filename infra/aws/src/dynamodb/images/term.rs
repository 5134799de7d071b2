use std::collections::BTreeSet;

use labelcast_functions::model::{Image, LabelName, Status, UserId};

/// What images are found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term<'a> {
    /// Images with this label, by its whole name.
    Label(&'a LabelName),
    /// The first [`Term::BEGINNING`] characters of a label, for prefixes.
    Beginning(String),
    /// Images that this user uploaded (`by:me`).
    Uploader(&'a UserId),
    /// Images with a moderation label (`is:offensive`).
    Offensive,
    /// What was decided of it.
    Status(&'static str),
    /// Every image has it.
    Everything,
}

impl Term<'_> {
    /// Characters of a prefix that postings are kept under.
    const BEGINNING: usize = 2;

    /// What images are filed under that have a label with this prefix; `None` if it is too short to be filed.
    pub(super) fn beginning(prefix: &str) -> Option<Self> {
        let beginning: String = prefix.chars().take(Self::BEGINNING).collect();
        (beginning.chars().count() == Self::BEGINNING).then_some(Self::Beginning(beginning))
    }

    pub(super) const fn status(status: Status) -> Self {
        Self::Status(status.as_str())
    }

    /// The list that its postings stand in.
    pub(super) fn list(&self) -> String {
        match self {
            Self::Label(name) => format!("label#{name}"),
            Self::Beginning(beginning) => format!("beginning#{beginning}"),
            Self::Uploader(user) => format!("by#{user}"),
            Self::Offensive => "offensive".to_owned(),
            Self::Status(status) => format!("status#{status}"),
            Self::Everything => "images".to_owned(),
        }
    }
}

/// The terms of an image; none before it has a result.
pub(super) fn terms_of(image: &Image) -> BTreeSet<Term<'_>> {
    let Some(result) = &image.result else { return BTreeSet::new() };
    let mut terms = BTreeSet::from([Term::Everything, Term::status(result.status)]);
    if result.analysis.is_offensive() {
        terms.insert(Term::Offensive);
    }
    for label in &result.analysis.labels {
        terms.insert(Term::Label(&label.name));
        terms.extend(Term::beginning(label.name.as_str()));
    }
    terms.extend(image.uploads.iter().map(|upload| Term::Uploader(&upload.user)));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_filed_under_its_first_two_characters() {
        assert_eq!(Term::beginning("éa s"), Some(Term::Beginning("éa".to_owned())));
        assert_eq!(Term::beginning("éa"), Some(Term::Beginning("éa".to_owned())));
        assert_eq!(Term::beginning("é"), None, "too many images would stand there");
    }
}
