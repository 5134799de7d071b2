use std::collections::BTreeSet;

use labelcast_functions::model::{Image, LabelName, Status, UserId};

/// What images are found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term<'a> {
    /// Images with this label, by its whole name.
    Label(&'a LabelName),
    /// The first [`Term::PREFIX`] characters of a label, for prefixes.
    Prefix(String),
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
    const PREFIX: usize = 2;

    /// What images are indexed under that have a label with this prefix; `None` if it is too short to be indexed.
    pub(super) fn prefix(prefix: &str) -> Option<Self> {
        let prefix: String = prefix.chars().take(Self::PREFIX).collect();
        (prefix.chars().count() == Self::PREFIX).then_some(Self::Prefix(prefix))
    }

    pub(super) fn status(status: Status) -> Self {
        Self::Status(status.as_str())
    }

    /// The list that its postings stand in.
    pub(super) fn list(&self) -> String {
        match self {
            Self::Label(name) => format!("label#{name}"),
            Self::Prefix(prefix) => format!("beginning#{prefix}"),
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
        terms.extend(Term::prefix(label.name.as_str()));
    }
    terms.extend(image.uploads.iter().map(|upload| Term::Uploader(&upload.user)));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_indexed_under_its_first_two_characters() {
        assert_eq!(Term::prefix("éa s"), Some(Term::Prefix("éa".to_owned())));
        assert_eq!(Term::prefix("éa"), Some(Term::Prefix("éa".to_owned())));
        assert_eq!(Term::prefix("é"), None, "too many images would stand there");
    }
}
