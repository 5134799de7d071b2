use labelcast_functions::model::{Image, Position};
use labelcast_functions::ports::{Audience, PortResult};
use labelcast_functions::query::{Candidates, Conjunction, Facts};

use super::posting::Posting;
use super::{listing, plan};
use crate::dynamodb::shards::SHARDS;
use crate::dynamodb::{Order, Range, Table};

/// Postings that a page looks at, for each image that is asked for (rule 23).
const FOR_EACH: usize = 10;
/// Not fewer than this, and not more than that. A posting is about half a kilobyte, and 4 KB cost a read unit.
const FEWEST: usize = 400;
const MOST: usize = 2_000;

pub(super) async fn candidates(
    table: &Table,
    conjunction: &Conjunction,
    audience: Audience<'_>,
    before: Position,
    limit: usize,
) -> PortResult<Candidates<Image>> {
    let limit = limit.max(1);
    let budget = limit.saturating_mul(FOR_EACH).clamp(FEWEST, MOST);
    // Images are spread evenly, so that this is mostly enough if all of them match.
    let mut at_once = (limit / usize::from(SHARDS) + 8).min(MOST / usize::from(SHARDS));
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut below = before;
    let Some(term) = plan::term(table, conjunction, audience).await? else {
        return Ok(Candidates { found, looked_until: None });
    };
    let list = term.list();
    loop {
        let Some(part) = Part::read(table, &list, below, at_once).await? else {
            return Ok(Candidates { found, looked_until: None });
        };
        looked_at += part.postings.len();
        let matching: Vec<Posting> =
            part.postings.into_iter().filter(|posting| posting.may_match(conjunction)).collect();
        let mut left = matching.as_slice();
        while !left.is_empty() {
            // As many as are still asked for; those that turn out not to be for this audience make room for others.
            let (some, others) = left.split_at(left.len().min(limit.saturating_sub(found.len())));
            let images = listing::read(table, some).await?.into_iter();
            let shown = images.filter(|image| matches(conjunction, audience, image));
            found.extend(shown.filter_map(|image| Some((image.result.as_ref()?.position, image))));
            left = others;
            if found.len() >= limit && !left.is_empty() {
                return Ok(Candidates { found, looked_until: some.last().map(Posting::position) });
            }
        }
        match part.until {
            Some(until) if found.len() < limit && looked_at < budget => below = until,
            until => return Ok(Candidates { found, looked_until: until }),
        }
        at_once = (at_once * 2).min((budget - looked_at).div_ceil(usize::from(SHARDS))).max(1);
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
    async fn read(table: &Table, list: &str, below: Position, at_once: usize) -> PortResult<Option<Self>> {
        let Some(highest) = below.0.checked_sub(1) else { return Ok(None) };
        let (lowest, highest) = (Position(0).to_string(), Position(highest).to_string());
        let range = Range::Between(&lowest, &highest);
        let lists = table.query_shards(list, range, Order::Descending, at_once).await?;
        Ok(Some(Self::of(lists, at_once)))
    }

    fn of(lists: Vec<Vec<Posting>>, at_once: usize) -> Self {
        // A partition that was not read to its end may have more right below its last.
        let unfinished = lists.iter().filter(|list| list.len() >= at_once);
        let until = unfinished.filter_map(|list| list.last()).map(Posting::position).max();
        let mut postings: Vec<Posting> = lists.into_iter().flatten().collect();
        postings.retain(|posting| until.is_none_or(|until| posting.position() >= until));
        postings.sort_by(|one, other| other.sk.cmp(&one.sk));
        Self { postings, until }
    }
}

/// What postings leave open, and whether the image exists for the audience.
fn matches(conjunction: &Conjunction, audience: Audience<'_>, image: &Image) -> bool {
    image.result.as_ref().is_some_and(|result| {
        audience.may_see(result.status)
            && conjunction.matches(&Facts {
                labels: &result.analysis.labels,
                offensive: result.analysis.is_offensive(),
                mine: audience.user().is_some_and(|user| image.is_uploaded_by(user)),
            })
    })
}
