//! A conjunction as postings to walk.

use labelcast_functions::model::Confidence;
use labelcast_functions::query::{Conjunction, Prohibited};
use rusqlite::Connection;

use super::index::{self, Known};
use super::postings::{AnyOf, Reader};
use super::term::Term;
use super::{Viewer, labels};

/// A prefix of up to this many labels is walked by their postings. For one of more, images are walked and looked at:
/// so many labels are likely to be on many images.
const WALKED_LABELS: usize = 1_024;
/// A prefix of up to this many labels is looked up in postings where another demand is walked. Looking at the image
/// costs about as much as that many look-ups.
const SOUGHT_LABELS: usize = 4;

/// What the index knows of a conjunction.
pub(super) struct Walk {
    /// An image is in each of these. The first is the rarest: it is walked, the others are sought in.
    wanted: Vec<AnyOf>,
    /// An image is in none of these.
    excluded: Vec<AnyOf>,
}

/// What one step of a walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// Nothing above this number matches any more.
    Down(i64),
    /// As far as the index knows, this image matches, and nothing above it.
    At(i64),
    /// There are no more matches.
    End,
}

impl Walk {
    /// `None` if nothing can match.
    pub(super) fn plan(
        connection: &Connection,
        conjunction: &Conjunction,
        viewer: &Viewer,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(mut demands) = demands(connection, conjunction, viewer)? else { return Ok(None) };
        demands.sort_by_key(|(count, _)| *count);
        let mut wanted = Vec::with_capacity(demands.len());
        for (_, demand) in demands {
            if wanted.is_empty() || demand.terms() <= SOUGHT_LABELS {
                wanted.push(demand);
            }
        }
        Ok(Some(Self { wanted, excluded: excluded(connection, conjunction, viewer)? }))
    }

    /// Goes on at this number or below. It never rises from step to step.
    pub(super) fn advance(&mut self, reader: &mut Reader<'_>, from: i64) -> rusqlite::Result<Advance> {
        let mut at = from;
        for (place, demand) in self.wanted.iter_mut().enumerate() {
            match demand.seek(reader, at)? {
                None => return Ok(Advance::End),
                Some(posting) if !posting.counts => return Ok(Advance::Down(posting.number - 1)),
                Some(posting) if place == 0 => at = posting.number,
                Some(posting) if posting.number < at => return Ok(Advance::Down(posting.number)),
                Some(_) => {}
            }
        }
        for demand in &mut self.excluded {
            if demand.seek(reader, at)?.is_some_and(|posting| posting.number == at && posting.counts) {
                return Ok(Advance::Down(at - 1));
            }
        }
        Ok(Advance::At(at))
    }
}

/// What an image must have, each with about how many have it; `None` if nothing has all of it.
fn demands(
    connection: &Connection,
    conjunction: &Conjunction,
    viewer: &Viewer,
) -> rusqlite::Result<Option<Vec<(u64, AnyOf)>>> {
    let mut terms: Vec<_> = conjunction.required.iter().map(|term| (Term::Label(&term.name), term.at_least)).collect();
    if conjunction.offensive == Some(true) {
        terms.push((Term::Offensive, Confidence::ZERO));
    }
    if conjunction.mine == Some(true) {
        let Some(user) = &viewer.user else { return Ok(None) };
        terms.push((Term::Uploader(user), Confidence::ZERO));
    }
    let mut demands = Vec::new();
    for (term, at_least) in terms {
        let Some(Known { id, count }) = index::find(connection, term, viewer.sees_hidden)? else { return Ok(None) };
        demands.push((count, AnyOf::new([id], at_least)));
    }
    for term in &conjunction.prefixes {
        let labels = labels::with_prefix(connection, &term.prefix, viewer.sees_hidden, WALKED_LABELS)?;
        match labels {
            Some(labels) if labels.is_empty() => return Ok(None),
            Some(labels) => {
                let count = labels.iter().map(|label| label.count).sum();
                demands.push((count, AnyOf::new(labels.into_iter().map(|label| label.id), term.at_least)));
            }
            None => {}
        }
    }
    if demands.is_empty() {
        let everything = index::find(connection, Term::Everything, viewer.sees_hidden)?;
        let Some(Known { id, count }) = everything else { return Ok(None) };
        demands.push((count, AnyOf::new([id], Confidence::ZERO)));
    }
    Ok(Some(demands))
}

/// What an image must not have. Prefixes are left to a look at the image: most labels that they cover are on none.
fn excluded(connection: &Connection, conjunction: &Conjunction, viewer: &Viewer) -> rusqlite::Result<Vec<AnyOf>> {
    let labels = conjunction.prohibited.iter().filter_map(|prohibited| match prohibited {
        Prohibited::Label(term) => Some((Term::Label(&term.name), term.at_least)),
        Prohibited::Prefix(_) => None,
    });
    let offensive = (conjunction.offensive == Some(false)).then_some((Term::Offensive, Confidence::ZERO));
    let mine = viewer.user.as_ref().filter(|_| conjunction.mine == Some(false));
    let mine = mine.map(|user| (Term::Uploader(user), Confidence::ZERO));
    let mut excluded = Vec::new();
    for (term, at_least) in labels.chain(offensive).chain(mine) {
        let known = index::find(connection, term, viewer.sees_hidden)?;
        excluded.extend(known.map(|known| AnyOf::new([known.id], at_least)));
    }
    Ok(excluded)
}
