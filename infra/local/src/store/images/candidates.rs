//! Search: walks the postings of the rarest term, newest first, and looks the others up.

use labelcast_functions::model::{Image, Position};
use labelcast_functions::query::{Candidates, Conjunction, Facts, Prohibited};
use rusqlite::{Connection, params};

use super::super::columns::limit as rows_limit;
use super::Looking;
use super::labels::after_prefix;
use super::rows;
use super::terms::{self, Term};

/// Postings looked at for one page. Each costs a microsecond or two; what is beyond is left to the next page (rule 23).
const POSTINGS: usize = 4_000;
/// Images loaded for one page, where their labels have to be looked at themselves.
const LOADED: usize = 1_000;
/// A prefix with more labels than this is looked for among all images: so many labels cover much.
const LABELS_OF_PREFIX: usize = 64;

/// A term that has to be there, with its least confidence, or must not.
struct Condition {
    term: i64,
    at_least: u16,
}

struct Search<'a> {
    connection: &'a Connection,
    conjunction: &'a Conjunction,
    looking: &'a Looking,
    required: Vec<Condition>,
    prohibited: Vec<Condition>,
    limit: usize,
    found: Vec<(Position, Image)>,
    looked_at: usize,
    loaded: usize,
}

pub(super) fn find(
    connection: &Connection,
    conjunction: &Conjunction,
    looking: &Looking,
    before: Position,
    limit: usize,
) -> rusqlite::Result<Candidates<Image>> {
    let nothing = Candidates { found: Vec::new(), looked_until: None };
    let Some((driver, required)) = required(connection, conjunction, looking)? else { return Ok(nothing) };
    let mut search = Search {
        connection,
        conjunction,
        looking,
        required,
        prohibited: prohibited(connection, conjunction)?,
        limit: limit.max(1),
        found: Vec::new(),
        looked_at: 0,
        loaded: 0,
    };
    let before = rows::number(before);
    let looked_until = match driver {
        Some(driver) => search.by_term(&driver, before)?,
        None => match prefix_labels(connection, conjunction)? {
            Some(labels) if labels.is_empty() => return Ok(nothing),
            Some(labels) => search.by_labels(&labels, before)?,
            None => search.by_all(before)?,
        },
    };
    Ok(Candidates { found: search.found, looked_until: looked_until.map(rows::position) })
}

/// The rarest term that has to be there, and the others; `None` if one of them is on no image.
fn required(
    connection: &Connection,
    conjunction: &Conjunction,
    looking: &Looking,
) -> rusqlite::Result<Option<(Option<Condition>, Vec<Condition>)>> {
    let labels =
        conjunction.required.iter().map(|label| (Term::Label(label.name.as_str()), label.at_least.hundredths()));
    let offensive = (conjunction.offensive == Some(true)).then_some((Term::Offensive, 0));
    let mut wanted: Vec<(Term<'_>, u16)> = labels.chain(offensive).collect();
    if conjunction.mine == Some(true) {
        let Some(user) = &looking.user else { return Ok(None) };
        wanted.push((Term::Uploader(user), 0));
    }
    let mut known = Vec::with_capacity(wanted.len());
    for (term, at_least) in wanted {
        match terms::look_up(connection, term)? {
            Some(term) => {
                let count = if looking.moderator { term.total } else { term.visible };
                known.push((count, Condition { term: term.id, at_least }));
            }
            None => return Ok(None),
        }
    }
    known.sort_by_key(|(count, _)| *count);
    let mut conditions = known.into_iter().map(|(_, condition)| condition);
    let driver = conditions.next();
    Ok(Some((driver, conditions.collect())))
}

/// Labels that must not be there. Prohibited prefixes are looked at on the image itself.
fn prohibited(connection: &Connection, conjunction: &Conjunction) -> rusqlite::Result<Vec<Condition>> {
    let mut conditions = Vec::new();
    for prohibited in &conjunction.prohibited {
        if let Prohibited::Label(label) = prohibited
            && let Some(term) = terms::look_up(connection, Term::Label(label.name.as_str()))?
        {
            conditions.push(Condition { term: term.id, at_least: label.at_least.hundredths() });
        }
    }
    Ok(conditions)
}

/// The labels of the prefix that has the fewest; `None` without a prefix, or if all of them have too many.
fn prefix_labels(connection: &Connection, conjunction: &Conjunction) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut fewest: Option<Vec<i64>> = None;
    for prefix in &conjunction.prefixes {
        let labels: Vec<i64> = connection
            .prepare_cached("SELECT id FROM terms WHERE kind = 'label' AND name >= ? AND name < ? LIMIT ?")?
            .query_map(params![prefix.prefix, after_prefix(&prefix.prefix), rows_limit(LABELS_OF_PREFIX + 1)], |row| {
                row.get(0)
            })?
            .collect::<rusqlite::Result<_>>()?;
        if labels.len() <= LABELS_OF_PREFIX && fewest.as_ref().is_none_or(|fewest| labels.len() < fewest.len()) {
            fewest = Some(labels);
        }
    }
    Ok(fewest)
}

impl Search<'_> {
    fn highest_hidden(&self) -> i64 {
        i64::from(self.looking.moderator)
    }

    /// Along the postings of one term. Answers how far it looked; `None` for to the end.
    fn by_term(&mut self, driver: &Condition, before: i64) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number FROM postings WHERE term = ? AND number < ? AND hidden <= ? AND confidence >= ?
             ORDER BY number DESC",
        )?;
        let mut rows = statement.query(params![driver.term, before, self.highest_hidden(), driver.at_least])?;
        while let Some(row) = rows.next()? {
            if let Some(until) = self.try_number(row.get(0)?)? {
                return Ok(Some(until));
            }
        }
        Ok(None)
    }

    /// Along all images.
    fn by_all(&mut self, before: i64) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number FROM results WHERE number < ? AND (? OR status IN ('visible', 'approved')) ORDER BY number DESC",
        )?;
        let mut rows = statement.query(params![before, self.looking.moderator])?;
        while let Some(row) = rows.next()? {
            if let Some(until) = self.try_number(row.get(0)?)? {
                return Ok(Some(until));
            }
        }
        Ok(None)
    }

    /// Along the postings of several labels at once.
    fn by_labels(&mut self, labels: &[i64], before: i64) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number FROM postings WHERE term = ? AND number < ? AND hidden <= ? ORDER BY number DESC LIMIT ?",
        )?;
        // A page's worth of each is enough for a page of all, if nothing else is asked.
        let each = self.limit + 1;
        let mut numbers = Vec::new();
        let mut complete_above = 0;
        for label in labels {
            let some: Vec<i64> = statement
                .query_map(params![label, before, self.highest_hidden(), rows_limit(each)], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if some.len() == each {
                complete_above = complete_above.max(some.last().copied().unwrap_or(0));
            }
            numbers.extend(some);
        }
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.dedup();
        for number in numbers.into_iter().take_while(|number| *number >= complete_above) {
            if let Some(until) = self.try_number(number)? {
                return Ok(Some(until));
            }
        }
        Ok((complete_above > 0).then_some(complete_above))
    }

    /// Takes an image if it matches. Answers its number if that was enough for a page.
    fn try_number(&mut self, number: i64) -> rusqlite::Result<Option<i64>> {
        self.looked_at += 1;
        if self.passes(number)? {
            self.loaded += 1;
            if let Some(image) = rows::by_number(self.connection, number)?
                && self.matches(&image)
            {
                self.found.push((rows::position(number), image));
            }
        }
        let enough = self.found.len() >= self.limit || self.looked_at >= POSTINGS || self.loaded >= LOADED;
        Ok(enough.then_some(number))
    }

    fn passes(&self, number: i64) -> rusqlite::Result<bool> {
        let mut look_up = self
            .connection
            .prepare_cached("SELECT 1 FROM postings WHERE term = ? AND number = ? AND confidence >= ?")?;
        for condition in &self.required {
            if !look_up.exists(params![condition.term, number, condition.at_least])? {
                return Ok(false);
            }
        }
        for condition in &self.prohibited {
            if look_up.exists(params![condition.term, number, condition.at_least])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn matches(&self, image: &Image) -> bool {
        let Some(stored) = &image.result else { return false };
        self.conjunction.matches(&Facts {
            labels: &stored.analysis.labels,
            offensive: stored.analysis.is_offensive(),
            mine: self.looking.user.as_ref().is_some_and(|user| image.is_uploaded_by(user)),
        })
    }
}
