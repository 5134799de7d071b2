//! [`labelcast_functions::ports::Images::candidates`], paged as `search` pages it, against a naive reading of all images.

use labelcast_functions::model::{Analysis, Audience, Image, Label, Position};
use labelcast_functions::ports::Clock;
use labelcast_functions::query::{Conjunction, ImageFields, Normal, Query, merge};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::Backend;
use super::samples::{analysis, labelled, name, percent, user, violence};

const LABELS: [&str; 8] = ["dog", "dogma", "cat", "car", "sun", "sunset", "person", "hot dog"];
const USERS: [&str; 3] = ["anna", "bert", "cleo"];
const QUERIES: [&str; 16] = [
    "",
    "dog",
    "dog cat",
    "dog OR cat",
    "-dog",
    "dog -cat",
    "do*",
    "s* -sunset",
    "\"hot dog\"",
    "dog:95",
    "(dog OR sun) -person:97",
    "ca* su*",
    "by:me",
    "by:me -cat",
    "nothing",
    "(dog OR cat) (sun OR car) -by:me",
];

/// What a random detector found.
fn found(random: &mut StdRng, backend: &impl Backend) -> Analysis {
    let mut labels: Vec<Label> = Vec::new();
    for label in LABELS {
        if random.random_bool(0.35) {
            labels.push(Label::new(name(label), percent(random.random_range(85.0..=100.0))));
        }
    }
    let hit = violence(99.0);
    let moderation = if random.random_bool(0.2) { vec![hit] } else { Vec::new() };
    Analysis { labels, moderation, ..analysis(&[], backend.clock().now()) }
}

fn matches(query: &Query, image: &Image, audience: Audience<'_>) -> bool {
    let result = image.result.as_ref().expect("all of them have one");
    let fields = ImageFields {
        labels: &result.analysis.labels,
        offensive: result.analysis.is_offensive(),
        mine: audience.user().is_some_and(|user| image.is_uploaded_by(user)),
    };
    audience.may_see(result.status) && query.matches(&fields)
}

/// One page, as `search` makes it.
async fn page(
    backend: &impl Backend,
    query: &Query,
    audience: Audience<'_>,
    before: Position,
    limit: usize,
) -> (Vec<Position>, Option<Position>) {
    let conjunctions = match query.normalized() {
        Normal::Conjunctions(conjunctions) => conjunctions,
        Normal::TooMany => vec![Conjunction::default()],
    };
    let mut streams = Vec::new();
    for conjunction in &conjunctions {
        let mut stream = backend.ports().images.candidates(conjunction, audience, before, limit).await.unwrap();
        if let Some(until) = stream.looked_until {
            assert!(until < before, "the next page must begin further down");
        }
        stream.found.retain(|(_, image)| matches(query, image, audience));
        streams.push(stream);
    }
    let page = merge(streams, limit);
    (page.items.into_iter().map(|(position, _)| position).collect(), page.next)
}

/// Every match, newest first, none twice, for everyone what they may see, although images are added meanwhile.
pub async fn paged_results_equal_a_full_scan(backend: impl Backend) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut images = Vec::new();
    for number in 0..60 {
        let whose = USERS.choose(&mut random).expect("there are users");
        let result = found(&mut random, &backend);
        images.push(labelled(&backend, number, whose, &result).await);
    }
    let position = |image: &Image| image.result.as_ref().expect("all have one").position;
    assert!(images.is_sorted_by(|older, newer| position(older) < position(newer)), "newer images stand higher");
    let anna = user("anna");
    let mut added = 100;
    for query in QUERIES {
        let parsed = Query::parse(query).expect(query);
        for audience in [Audience::Viewer(Some(&anna)), Audience::EVERYONE, Audience::Moderator(Some(&anna))] {
            let expected: Vec<Position> =
                images.iter().rev().filter(|image| matches(&parsed, image, audience)).map(position).collect();
            let mut seen = Vec::new();
            let (mut before, limit) = (Position::NEWEST, random.random_range(1..=9));
            loop {
                let (items, next) = page(&backend, &parsed, audience, before, limit).await;
                assert!(items.len() <= limit);
                seen.extend(items);
                let Some(next) = next else { break };
                before = next;
                if random.random_bool(0.02) {
                    let result = found(&mut random, &backend);
                    images.push(labelled(&backend, added, "bert", &result).await);
                    added += 1;
                }
            }
            assert_eq!(seen, expected, "`{query}` for {audience:?}, {limit} a page");
        }
    }
}
