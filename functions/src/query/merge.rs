//! Paging: one page out of the results of several conjunctions.

use std::cmp::Reverse;

use crate::model::Position;

/// What a store found for one conjunction, looking from the newest below the page's beginning towards older ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates<T> {
    /// Newest first. What does not match may be among them, and so may be what is older than `looked_until`.
    pub found: Vec<(Position, T)>,
    /// Whatever matches and is not older than this was found; older ones may exist. Below the page's beginning, so
    /// that paging goes on. `None`: there is nothing older.
    pub looked_until: Option<Position>,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Newest first, no position twice. Short or even empty where stores had to look at much.
    pub items: Vec<(Position, T)>,
    /// The next page begins *below* this; `None` at the very end only.
    pub next: Option<Position>,
}

/// Merges the results of all conjunctions of a query into a page of at most `limit` (at least 1).
///
/// Nothing is shown that is older than where the least far of the unfinished results has got to: something newer may
/// still be missing there. So pages are in order as a whole, and what is left out comes on a later page.
pub fn merge<T>(streams: Vec<Candidates<T>>, limit: usize) -> Page<T> {
    let complete_until = streams.iter().filter_map(|stream| stream.looked_until).max();
    let is_complete = |position: Position| complete_until.is_none_or(|until| position >= until);

    let found = streams.into_iter().flat_map(|stream| stream.found);
    let mut items: Vec<_> = found.filter(|(position, _)| is_complete(*position)).collect();
    items.sort_by_key(|(position, _)| Reverse(*position));
    items.dedup_by_key(|(position, _)| *position);

    let limit = limit.max(1);
    if items.len() > limit {
        items.truncate(limit);
        let next = items.last().map(|(position, _)| *position);
        return Page { items, next };
    }
    Page { items, next: complete_until }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn candidates(found: &[u128], looked_until: Option<u128>) -> Candidates<u128> {
        Candidates {
            found: found.iter().map(|position| (Position(*position), *position)).collect(),
            looked_until: looked_until.map(Position),
        }
    }

    fn page(streams: Vec<Candidates<u128>>, limit: usize) -> (Vec<u128>, Option<u128>) {
        let page = merge(streams, limit);
        (page.items.into_iter().map(|(_, item)| item).collect(), page.next.map(|next| next.0))
    }

    #[test]
    fn an_item_found_by_two_streams_is_returned_once() {
        assert_eq!(page(vec![candidates(&[9, 5], None), candidates(&[7, 5], None)], 10), (vec![9, 7, 5], None));
    }

    #[test]
    fn nothing_below_the_position_of_an_unfinished_stream_is_returned() {
        assert_eq!(page(vec![candidates(&[9, 5], None), candidates(&[], Some(7))], 10), (vec![9], Some(7)));
    }

    #[test]
    fn the_page_after_a_full_page_starts_below_its_last_item() {
        assert_eq!(page(vec![candidates(&[9, 7, 5], None)], 2), (vec![9, 7], Some(7)));
        assert_eq!(page(vec![candidates(&[9, 7], None)], 2), (vec![9, 7], None), "nothing is left");
        assert_eq!(page(vec![candidates(&[9, 7], None)], 0), (vec![9], Some(9)), "a page makes progress");
    }

    #[test]
    fn without_streams_the_result_is_empty_and_final() {
        assert_eq!(page(vec![], 10), (vec![], None));
    }

    /// A store: it looks at `budget` images below `below`, and at `ahead` more without saying so.
    fn response(
        images: &[u128],
        wanted: &BTreeSet<u128>,
        below: u128,
        budget: usize,
        ahead: usize,
    ) -> Candidates<u128> {
        let older: Vec<_> = images.iter().rev().copied().filter(|image| *image < below).collect();
        let looked_until = (older.len() > budget).then(|| older[budget - 1]);
        let looked_at = older.iter().take(budget + ahead).copied();
        let found: Vec<_> = looked_at.filter(|image| wanted.contains(image)).collect();
        candidates(&found, looked_until)
    }

    proptest! {
        #[test]
        fn paging_returns_everything_once_and_in_order(
            images in btree_set(0..200_u128, 0..60),
            picks in vec(vec(any::<bool>(), 60), 0..5),
            steps in vec((vec((1..10_usize, 0..4_usize), 5), 0..8_usize), 1..20),
        ) {
            let images: Vec<_> = images.into_iter().collect();
            let streams: Vec<BTreeSet<u128>> = picks
                .iter()
                .map(|pick| images.iter().zip(pick).filter(|(_, picked)| **picked).map(|(image, _)| *image).collect())
                .collect();
            let expected: Vec<_> = streams.iter().flatten().collect::<BTreeSet<_>>().into_iter().rev().copied().collect();

            let mut shown = Vec::new();
            let mut below = Position::NEWEST.0;
            for (budgets, limit) in steps.iter().cycle() {
                let responses = streams.iter().zip(budgets);
                let responses = responses.map(|(wanted, (budget, ahead))| response(&images, wanted, below, *budget, *ahead));
                let (items, next) = page(responses.collect(), *limit);
                prop_assert!(items.len() <= (*limit).max(1));
                shown.extend(items);
                let Some(next) = next else { break };
                prop_assert!(next < below, "no progress below {below}");
                below = next;
            }
            prop_assert_eq!(shown, expected);
        }
    }
}
