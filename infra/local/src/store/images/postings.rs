//! Reading postings from the newest to the oldest, some at a time.

use std::collections::BinaryHeap;

use labelcast_functions::model::Confidence;
use rusqlite::{CachedStatement, Connection, params};

/// Rows read at a time, at first and at most: a list that is walked is read in ever larger parts, one that is jumped
/// about in is read in small ones.
const FIRST: usize = 8;
const MAX: usize = 256;
/// What finding a place in the index costs, in rows read one after the other. Measured: 3 µs and 0.3 µs.
const SEEK: usize = 10;

/// The statement that all lists of a search are read by, and what it has cost.
pub(super) struct Reader<'a> {
    statement: CachedStatement<'a>,
    sees_hidden: bool,
    /// What was spent of the page's budget, in rows read.
    pub spent: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(connection: &'a Connection, sees_hidden: bool) -> rusqlite::Result<Self> {
        let statement = connection.prepare_cached(
            "SELECT number, confidence, hidden FROM postings WHERE term = ?1 AND number <= ?2
             ORDER BY number DESC LIMIT ?3",
        )?;
        Ok(Self { statement, sees_hidden, spent: 0 })
    }
}

/// An image that has the term, or one of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    pub number: i64,
    /// Whether it is sure enough of it, and for this audience.
    pub counts: bool,
}

/// The postings of one term.
struct List {
    term: i64,
    at_least: u16,
    /// Newest first; those before `next` were passed.
    read: Vec<Posting>,
    next: usize,
    /// How many were looked at since the last reading.
    looked_at: usize,
    batch: usize,
    ended: bool,
}

impl List {
    fn new(term: i64, at_least: Confidence) -> Self {
        let at_least = at_least.hundredths();
        Self { term, at_least, read: Vec::new(), next: 0, looked_at: 0, batch: FIRST, ended: false }
    }

    /// The newest that is not above the target. Targets never rise.
    fn seek(&mut self, reader: &mut Reader<'_>, target: i64) -> rusqlite::Result<Option<Posting>> {
        self.next += self.read[self.next..].partition_point(|posting| posting.number > target);
        if self.next == self.read.len() && !self.ended {
            self.fill(reader, target)?;
        }
        self.looked_at += 1;
        Ok(self.read.get(self.next).copied())
    }

    fn fill(&mut self, reader: &mut Reader<'_>, target: i64) -> rusqlite::Result<()> {
        let walked = self.looked_at * 4 >= self.batch;
        if !self.read.is_empty() {
            self.batch = (if walked { self.batch * 2 } else { self.batch / 2 }).clamp(FIRST, MAX);
        }
        (self.next, self.looked_at) = (0, 0);
        self.read.clear();
        let mut rows = reader.statement.query(params![self.term, target, self.batch])?;
        while let Some(row) = rows.next()? {
            let sure = row.get::<_, u16>(1)? >= self.at_least;
            let shown = reader.sees_hidden || !row.get::<_, bool>(2)?;
            self.read.push(Posting { number: row.get(0)?, counts: sure && shown });
        }
        self.ended = self.read.len() < self.batch;
        reader.spent += SEEK + self.read.len();
        Ok(())
    }
}

/// The images that have at least one of some terms.
pub(super) struct AnyOf {
    lists: Vec<List>,
    /// Where each list stands, the newest on top; among equals one that counts.
    heads: BinaryHeap<(Posting, usize)>,
    started: bool,
}

impl AnyOf {
    pub(super) fn new(terms: impl IntoIterator<Item = i64>, at_least: Confidence) -> Self {
        let lists = terms.into_iter().map(|term| List::new(term, at_least)).collect();
        Self { lists, heads: BinaryHeap::new(), started: false }
    }

    /// The number of terms.
    pub(super) fn terms(&self) -> usize {
        self.lists.len()
    }

    /// The newest that is not above the target. Targets never rise.
    pub(super) fn seek(&mut self, reader: &mut Reader<'_>, target: i64) -> rusqlite::Result<Option<Posting>> {
        if !self.started {
            self.started = true;
            for (place, list) in self.lists.iter_mut().enumerate() {
                self.heads.extend(list.seek(reader, target)?.map(|head| (head, place)));
            }
        }
        while let Some((head, place)) = self.heads.peek().copied()
            && head.number > target
        {
            self.heads.pop();
            self.heads.extend(self.lists[place].seek(reader, target)?.map(|head| (head, place)));
        }
        Ok(self.heads.peek().map(|(head, _)| *head))
    }
}
