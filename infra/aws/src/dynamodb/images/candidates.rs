use labelcast_functions::model::{Audience, Image, Position};
use labelcast_functions::ports::PortResult;
use labelcast_functions::query::{Candidates, Conjunction};

use super::posting::Posting;
use super::{listing, plan, position};
use crate::dynamodb::shards::SHARDS;
use crate::dynamodb::{Order, Range, Table};

/// What a page may cost, in postings read: about 500 read units. A posting is about half a kilobyte, and 4 KB are
/// a read unit.
const BUDGET: usize = 4_000;
/// What reading an image costs, in the same measure.
const IMAGE: usize = 8;
/// Postings read at once from each partition, at most.
const MAX_CONCURRENCY: usize = 250;

pub(super) async fn candidates(
    table: &Table,
    conjunction: &Conjunction,
    audience: Audience<'_>,
    before: Position,
    limit: usize,
) -> PortResult<Candidates<Image>> {
    let end = |found| Ok(Candidates { found, looked_until: None });
    let mut search = Search { table, conjunction, audience, limit: limit.max(1), spent: 0, found: Vec::new() };
    let Some(term) = plan::term(table, conjunction, audience).await? else { return end(search.found) };
    let list = term.list();
    // Images are spread evenly, so that this is mostly enough if all of them match.
    let mut max_concurrency = (search.limit / usize::from(SHARDS) + 8).min(MAX_CONCURRENCY);
    let mut below = before;
    loop {
        let Some(part) = Part::read(table, &list, below, max_concurrency).await? else { return end(search.found) };
        if let Some(until) = search.look_at(part.postings).await? {
            return Ok(search.ended_at(until, before));
        }
        match part.until {
            None => return end(search.found),
            Some(until) if search.is_over() => return Ok(search.ended_at(until, before)),
            Some(until) => below = until,
        }
        max_concurrency = (max_concurrency * 2).min(MAX_CONCURRENCY);
    }
}

struct Search<'a> {
    table: &'a Table,
    conjunction: &'a Conjunction,
    audience: Audience<'a>,
    limit: usize,
    /// What was spent of the page's budget, in postings read.
    spent: usize,
    /// Newest first.
    found: Vec<(Position, Image)>,
}

impl Search<'_> {
    /// What was found, having looked this far.
    fn ended_at(self, until: Position, before: Position) -> Candidates<Image> {
        let shown = self.found.last().is_some_and(|(position, _)| *position == until);
        let until = if shown { until } else { position::blurred(until, before) };
        Candidates { found: self.found, looked_until: Some(until) }
    }

    fn is_over(&self) -> bool {
        self.found.len() >= self.limit || self.spent >= BUDGET
    }

    /// Reads the images of those that may match. Returns how far that went if it was over before the last of them.
    async fn look_at(&mut self, postings: Vec<Posting>) -> PortResult<Option<Position>> {
        self.spent += postings.len();
        let matching: Vec<Posting> =
            postings.into_iter().filter(|posting| posting.may_match(self.conjunction)).collect();
        let mut left = matching.as_slice();
        // As many as requested; ever more where they turn out not to be for this audience.
        let mut max_concurrency = self.limit;
        while !left.is_empty() {
            let (some, others) = left.split_at(left.len().min(max_concurrency));
            self.spent += some.len() * IMAGE;
            for image in listing::read(self.table, some).await? {
                // What postings leave open, and whether the image exists for the audience.
                if let Some(result) = &image.result
                    && self.conjunction.finds(&image, self.audience)
                {
                    self.found.push((result.position, image));
                }
            }
            if self.is_over() && !others.is_empty() {
                return Ok(some.last().map(Posting::position));
            }
            left = others;
            max_concurrency = (max_concurrency * 2).min(MAX_CONCURRENCY);
        }
        Ok(None)
    }
}

/// Some of the postings of a list, from a place downwards.
struct Part {
    /// Newest first.
    postings: Vec<Posting>,
    /// All above and at this are among them; `None` if nothing is left below.
    until: Option<Position>,
}

impl Part {
    /// `None` if there is no place below.
    async fn read(table: &Table, list: &str, below: Position, max_concurrency: usize) -> PortResult<Option<Self>> {
        let Some(highest) = below.0.checked_sub(1) else { return Ok(None) };
        let (lowest, highest) = (Position(0).to_string(), Position(highest).to_string());
        let range = Range::Between(&lowest, &highest);
        let lists = table.query_shards(list, range, Order::Descending, max_concurrency).await?;
        Ok(Some(Self::of(lists, max_concurrency)))
    }

    fn of(lists: Vec<Vec<Posting>>, max_concurrency: usize) -> Self {
        // A partition that was not read to its end may have more right below its last.
        let unfinished = lists.iter().filter(|list| list.len() >= max_concurrency);
        let until = unfinished.filter_map(|list| list.last()).map(Posting::position).max();
        let mut postings: Vec<Posting> = lists.into_iter().flatten().collect();
        postings.retain(|posting| until.is_none_or(|until| posting.position() >= until));
        postings.sort_by(|one, other| other.sk.cmp(&one.sk));
        Self { postings, until }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use labelcast_functions::model::{Analysis, ImageId, ImageType, Status, StoredResult};

    use super::*;
    use crate::dynamodb::images::term::Term;

    fn posting(position: u128) -> Posting {
        let analysis = Analysis::nothing(DateTime::UNIX_EPOCH);
        let position = Position(position);
        let image = Image {
            id: ImageId::from_digest([0; 32]),
            content_type: ImageType::Png,
            size: 1,
            width: 1,
            height: 1,
            uploaded_at: DateTime::UNIX_EPOCH,
            generation: None,
            uploads: Vec::new(),
            result: Some(StoredResult { analysis, status: Status::Visible, version: 1, position }),
        };
        Posting::of(&image, &Term::Everything).expect("it has a result")
    }

    fn part(lists: &[&[u128]], max_concurrency: usize) -> (Vec<u128>, Option<u128>) {
        let lists = lists.iter().map(|list| list.iter().map(|position| posting(*position)).collect()).collect();
        let part = Part::of(lists, max_concurrency);
        (part.postings.iter().map(|posting| posting.position().0).collect(), part.until.map(|until| until.0))
    }

    #[test]
    fn a_chunk_extends_only_as_far_as_its_shortest_partition() {
        assert_eq!(part(&[&[9, 3], &[8, 7], &[6], &[]], 2), (vec![9, 8, 7], Some(7)), "7 is the last known of its own");
        assert_eq!(part(&[&[9, 3], &[8]], 3), (vec![9, 8, 3], None), "all were read to their ends");
        assert_eq!(part(&[&[], &[]], 3), (vec![], None));
    }
}
