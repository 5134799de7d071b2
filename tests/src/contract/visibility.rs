//! A store's results for an audience, compared with [`Audience`], which decides visibility.

use std::collections::{BTreeMap, BTreeSet};

use labelcast_functions::model::{Analysis, Audience, Image, ImageId, Label, Position, Status};
use labelcast_functions::ports::Clock;
use labelcast_functions::query::{Conjunction, LabelTerm};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::Backend;
use super::samples::{analysis, begin, bring, image_id, name, new_image, percent, upload_id, user, violence};

const LABELS: [&str; 4] = ["dog", "cat", "sun", "knife"];
const USERS: [&str; 3] = ["anna", "bert", "cleo"];
const IMAGES: u8 = 24;

fn found(random: &mut StdRng, backend: &impl Backend) -> Analysis {
    let mut labels = Vec::new();
    for label in LABELS {
        if random.random_bool(0.5) {
            labels.push(Label::new(name(label), percent(random.random_range(85.0..=100.0))));
        }
    }
    let hit = violence(99.0);
    let moderation = if random.random_bool(0.4) { vec![hit] } else { Vec::new() };
    Analysis { labels, moderation, ..analysis(&[], backend.clock().now()) }
}

/// Something that happens to an image: it comes, comes again from somebody else, gets its result, or is removed.
async fn happen(random: &mut StdRng, backend: &impl Backend) {
    let images = &backend.ports().images;
    let number = random.random_range(0..IMAGES);
    let whose = USERS.choose(random).expect("there are users");
    // An upload is of one image, once.
    let upload = format!("{whose}-{number}-{:08x}", random.random::<u32>());
    let image = images.get(&image_id(number)).await.expect("images can be read");
    match (image, random.random_range(0..10)) {
        (None, _) => drop(bring(backend, number, &upload, whose).await),
        (Some(image), 0) => {
            images.remove(&image.files(), image.uploaded_at, None).await.expect("images can be removed");
        }
        (Some(_), 1 | 2) => {
            begin(backend, &upload, whose).await;
            let again = images.attach(&new_image(number, backend.clock().now()), &upload_id(&upload)).await;
            again.expect("uploads can be attached").expect("a pending upload is attached");
        }
        (Some(_), _) => {
            let result = found(random, backend);
            images.store_result(&image_id(number), &result).await.expect("results can be stored");
        }
    }
}

/// All that a search for one conjunction is given, page after page.
async fn candidates(backend: &impl Backend, conjunction: &Conjunction, audience: Audience<'_>) -> BTreeSet<ImageId> {
    let (mut all, mut before) = (BTreeSet::new(), Position::NEWEST);
    loop {
        let page =
            backend.ports().images.candidates(conjunction, audience, before, 7).await.expect("images can be found");
        all.extend(page.found.into_iter().map(|(_, image)| image.id));
        let Some(until) = page.looked_until else { return all };
        before = until;
    }
}

fn ids<'a>(images: impl Iterator<Item = &'a Image>) -> BTreeSet<ImageId> {
    images.map(|image| image.id).collect()
}

fn has(image: &Image, label: &str) -> bool {
    image.result.as_ref().is_some_and(|stored| stored.analysis.confidence_of(&name(label)).is_some())
}

async fn compare(backend: &impl Backend, audience: Audience<'_>) {
    let images = &backend.ports().images;
    let all: Vec<ImageId> = (0..IMAGES).map(image_id).collect();
    let all = images.get_many(&all).await.expect("images can be read");
    let seen = || all.iter().filter(|image| audience.sees(image));
    assert_eq!(
        candidates(backend, &Conjunction::default(), audience).await,
        ids(seen()),
        "everything, for {audience:?}"
    );
    for label in LABELS {
        let term = LabelTerm { name: name(label), at_least: percent(0.0) };
        let wanted = Conjunction { required: vec![term], ..Conjunction::default() };
        let expected = ids(seen().filter(|image| has(image, label)));
        assert_eq!(candidates(backend, &wanted, audience).await, expected, "`{label}`, for {audience:?}");
    }
    for mine in [true, false] {
        let wanted = Conjunction { mine: Some(mine), ..Conjunction::default() };
        let is_mine = |image: &&Image| audience.user().is_some_and(|user| image.is_uploaded_by(user)) == mine;
        assert_eq!(
            candidates(backend, &wanted, audience).await,
            ids(seen().filter(is_mine)),
            "{mine}, for {audience:?}"
        );
    }
    let count = |label: &str| (label.to_owned(), seen().filter(|image| has(image, label)).count() as u64);
    let expected: BTreeMap<String, u64> = LABELS.into_iter().map(count).filter(|(_, count)| *count > 0).collect();
    let counted = images.labels("", audience, 100).await.expect("labels can be counted");
    let counted: BTreeMap<String, u64> =
        counted.into_iter().map(|label| (label.name.to_string(), label.count)).collect();
    assert_eq!(counted, expected, "counts for {audience:?}");
}

/// Nobody finds, or can count, an image that the one rule does not show them, and everybody finds all that it does,
/// whatever happened to the images before.
pub async fn the_stores_index_agrees_with_the_visibility_rule(backend: impl Backend) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let users = USERS.map(user);
    for _ in 0..4 {
        for _ in 0..40 {
            happen(&mut random, &backend).await;
        }
        let somebody = users.choose(&mut random);
        for audience in [Audience::EVERYONE, Audience::Viewer(somebody), Audience::Moderator(somebody)] {
            compare(&backend, audience).await;
        }
    }
    let images = &backend.ports().images;
    for status in [Status::Visible, Status::Pending, Status::Approved, Status::Removed] {
        let page = images.with_status(status, None, 1_000).await.expect("the queue can be read");
        assert!(page.images.iter().all(|image| image.is_public() == status.is_public()), "{status:?}");
    }
}
