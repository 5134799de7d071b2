use labelcast_functions::model::{Confidence, Image, LabelName, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// What images are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term<'a> {
    /// Images with this label, by its whole name.
    Label(&'a LabelName),
    /// Images that this user uploaded (`by:me`).
    Uploader(&'a UserId),
    /// Images with a moderation label (`is:offensive`).
    Offensive,
    /// The term that every image has.
    Everything,
}

impl<'a> Term<'a> {
    /// The value of `terms.kind`.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Label(_) => "label",
            Self::Uploader(_) => "uploader",
            Self::Offensive | Self::Everything => "property",
        }
    }

    /// The value of `terms.name`.
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Label(name) => name.as_str(),
            Self::Uploader(user) => user.as_str(),
            Self::Offensive => "offensive",
            Self::Everything => "everything",
        }
    }
}

/// The terms of an image, each with how sure it is; none before it has a result.
pub(super) fn terms_of(image: &Image) -> BTreeMap<Term<'_>, Confidence> {
    let Some(result) = &image.result else { return BTreeMap::new() };
    let certain = |term| (term, Confidence::FULL);
    let uploaders: BTreeSet<&UserId> = image.uploads.iter().map(|upload| &upload.user).collect();
    let mut terms: BTreeMap<_, _> = uploaders.into_iter().map(Term::Uploader).map(certain).collect();
    terms.extend([certain(Term::Everything)]);
    terms.extend(result.analysis.is_offensive().then(|| certain(Term::Offensive)));
    for label in &result.analysis.labels {
        // A label that stands there twice counts as its surer one, as it does for the search language.
        let surest = terms.entry(Term::Label(&label.name)).or_insert(label.confidence);
        *surest = label.confidence.max(*surest);
    }
    terms
}
