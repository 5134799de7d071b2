//! [`labelcast_functions::ports::Images::labels`]: counts and what they begin with.

use labelcast_functions::model::{Audience, Confidence, Position};
use labelcast_functions::ports::Clock;
use labelcast_functions::query::{Conjunction, LabelTerm};

use super::Backend;
use super::samples::{analysis, image_id, labelled, offensive, user};

async fn labels(backend: &impl Backend, prefix: &str, audience: Audience<'_>, limit: usize) -> Vec<(String, u64)> {
    let found = backend.ports().images.labels(prefix, audience, limit).await.unwrap();
    found.into_iter().map(|label| (label.name.to_string(), label.count)).collect()
}

fn counted(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// Then by name.
pub async fn labels_come_most_frequent_first(backend: impl Backend) {
    let now = backend.clock().now();
    labelled(&backend, 1, "anna", &analysis(&["dog", "dome", "cat"], now)).await;
    labelled(&backend, 2, "anna", &analysis(&["dog", "door"], now)).await;
    let all = Audience::EVERYONE;
    assert_eq!(labels(&backend, "do", all, 10).await, counted(&[("dog", 2), ("dome", 1), ("door", 1)]));
    assert_eq!(labels(&backend, "do", all, 2).await, counted(&[("dog", 2), ("dome", 1)]));
    assert_eq!(labels(&backend, "dog", all, 10).await, counted(&[("dog", 2)]));
    assert_eq!(labels(&backend, "", all, 2).await, counted(&[("dog", 2), ("cat", 1)]));
    assert_eq!(labels(&backend, "x", all, 10).await, counted(&[]));
}

/// Not even how many there are (`docs/guarantees.md#nobody-sees-what-is-not-theirs`).
pub async fn labels_of_hidden_images_are_not_listed(backend: impl Backend) {
    let now = backend.clock().now();
    labelled(&backend, 1, "anna", &analysis(&["dog"], now)).await;
    labelled(&backend, 2, "anna", &offensive(&["dog", "knife"], now)).await;
    let anna = user("anna");
    assert_eq!(labels(&backend, "", Audience::Viewer(Some(&anna)), 10).await, counted(&[("dog", 1)]));
    let moderator = labels(&backend, "", Audience::Moderator(Some(&anna)), 10).await;
    assert_eq!(moderator, counted(&[("dog", 2), ("knife", 1)]));
}

/// A result that is stored again counts once; what is removed does not count.
pub async fn every_image_is_counted_once(backend: impl Backend) {
    let found = analysis(&["dog"], backend.clock().now());
    let first = labelled(&backend, 1, "anna", &found).await;
    let second = labelled(&backend, 2, "anna", &found).await;
    backend.ports().images.store_result(&image_id(1), &found).await.unwrap();
    let all = Audience::EVERYONE;
    assert_eq!(labels(&backend, "d", all, 10).await, counted(&[("dog", 2)]));
    backend.ports().images.remove(&first.files(), first.uploaded_at, None).await.unwrap();
    assert_eq!(labels(&backend, "d", all, 10).await, counted(&[("dog", 1)]));
    backend.ports().images.remove(&second.files(), second.uploaded_at, None).await.unwrap();
    assert_eq!(labels(&backend, "d", all, 10).await, counted(&[]));
}

/// More than a detector finds; an offensive image has those of the taxonomy too.
pub async fn an_image_with_very_many_labels_is_counted_for_each(backend: impl Backend) {
    let names: Vec<String> = (0..60).map(|n| format!("{n:02} label")).collect();
    let found = analysis(&names.iter().map(String::as_str).collect::<Vec<_>>(), backend.clock().now());
    let image = labelled(&backend, 1, "anna", &found).await;
    let all = Audience::EVERYONE;
    let each: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    assert_eq!(labels(&backend, "", all, 100).await, counted(&each));
    let images = &backend.ports().images;
    let only = |name: &str| Conjunction {
        required: vec![LabelTerm { name: name.parse().unwrap(), at_least: Confidence::ZERO }],
        ..Conjunction::default()
    };
    for name in &names {
        let page = images.candidates(&only(name), all, Position::NEWEST, 10).await.unwrap();
        assert_eq!(page.found.len(), 1, "{name}");
    }
    images.remove(&image.files(), image.uploaded_at, None).await.unwrap();
    assert_eq!(labels(&backend, "", all, 100).await, counted(&[]));
    assert!(images.candidates(&Conjunction::default(), all, Position::NEWEST, 10).await.unwrap().found.is_empty());
}
