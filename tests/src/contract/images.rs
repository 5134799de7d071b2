//! [`labelcast_functions::ports::Images`]: rows, results, the moderation queue.

use chrono::TimeDelta;
use labelcast_functions::model::{Audience, Position, Status, UploadState};
use labelcast_functions::ports::{Clock, Removal};
use labelcast_functions::query::Conjunction;

use super::Backend;
use super::samples::{
    analysis, begin, bring, image_id, labelled, new_image, offensive, state_of, status_of, upload_id, user,
};

/// With what it is, and who brought it.
pub async fn an_attached_image_round_trips(backend: impl Backend) {
    let now = backend.clock().now();
    let attached = bring(&backend, 1, "u1", "anna").await;
    assert_eq!((attached.id, attached.uploaded_at), (image_id(1), now));
    assert_eq!((attached.size, attached.width, attached.height), (1_001, 640, 480));
    assert_eq!(attached.result, None);
    assert!(attached.is_only_uploaded_by(&user("anna")));
    assert_eq!(state_of(&backend, "u1").await, UploadState::Received);
    let backend = backend.reopened().await;
    assert_eq!(backend.ports().images.get(&image_id(1)).await.unwrap(), Some(attached), "durably");
    assert_eq!(backend.ports().images.get(&image_id(2)).await.unwrap(), None);
}

/// A retry goes on from the row (`docs/guarantees.md#one-way-out-of-pending`).
pub async fn attaching_again_returns_the_same_result(backend: impl Backend) {
    let first = bring(&backend, 1, "u1", "anna").await;
    backend.clock().advance(TimeDelta::minutes(1));
    let again = backend.ports().images.attach(&new_image(1, backend.clock().now()), &upload_id("u1")).await.unwrap();
    assert_eq!(again, Some(first));
}

/// An upload leaves `pending` once (`docs/guarantees.md#one-way-out-of-pending`).
pub async fn an_upload_attaches_to_only_one_image(backend: impl Backend) {
    bring(&backend, 1, "u1", "anna").await;
    let now = backend.clock().now();
    assert_eq!(backend.ports().images.attach(&new_image(2, now), &upload_id("u1")).await.unwrap(), None);
    assert_eq!(backend.ports().images.get(&image_id(2)).await.unwrap(), None, "nothing changed");
    begin(&backend, "rejected", "anna").await;
    backend.ports().uploads.reject(&upload_id("rejected"), "no picture").await.unwrap();
    assert_eq!(backend.ports().images.attach(&new_image(2, now), &upload_id("rejected")).await.unwrap(), None);
    assert_eq!(backend.ports().images.attach(&new_image(2, now), &upload_id("unknown")).await.unwrap(), None);
}

/// The first stays, and the image is what the first upload made it.
pub async fn two_uploads_of_the_same_bytes_are_one_image(backend: impl Backend) {
    let first = bring(&backend, 1, "u1", "anna").await;
    backend.clock().advance(TimeDelta::minutes(1));
    let second = bring(&backend, 1, "u2", "bert").await;
    assert_eq!(second.uploaded_at, first.uploaded_at);
    let brought: Vec<_> = second.uploads.iter().map(|upload| upload.upload_id.as_str()).collect();
    assert_eq!(brought, ["u1", "u2"], "in the order in which they came");
    assert!(!second.is_only_uploaded_by(&user("anna")));
}

/// However ingest and index race, every upload becomes `labelled`, and one of the two sees the other.
pub async fn a_duplicate_that_races_with_the_result_is_not_forgotten(backend: impl Backend) {
    for number in 0..8 {
        bring(&backend, number, &format!("first-{number}"), "anna").await;
        let second = format!("second-{number}");
        begin(&backend, &second, "bert").await;
        let now = backend.clock().now();
        let (images, found, new) = (&backend.ports().images, analysis(&["dog"], now), new_image(number, now));
        let second = upload_id(&second);
        let id = image_id(number);
        let (attached, stored) = tokio::join!(images.attach(&new, &second), images.store_result(&id, &found));
        let (attached, stored) = (attached.unwrap().unwrap(), stored.unwrap().unwrap());
        assert!(attached.result.is_some() || stored.uploads.len() == 2, "neither saw the other");
        for upload in ["first", "second"] {
            assert_eq!(state_of(&backend, &format!("{upload}-{number}")).await, UploadState::Labelled);
        }
    }
}

/// However many come, and however they race.
pub async fn concurrent_uploads_of_the_same_bytes_are_all_attached(backend: impl Backend) {
    let names: Vec<String> = (0..10).map(|n| format!("u{n}")).collect();
    for name in &names {
        begin(&backend, name, name).await;
    }
    let (images, new) = (&backend.ports().images, new_image(1, backend.clock().now()));
    let ids: Vec<_> = names.iter().map(|name| upload_id(name)).collect();
    let attached = futures_util::future::join_all(ids.iter().map(|id| images.attach(&new, id))).await;
    let mut seen: Vec<_> =
        attached.into_iter().map(|image| image.unwrap().expect("it was pending").uploads.len()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "each came after the one before");
    let kept = images.get(&image_id(1)).await.unwrap().unwrap();
    assert!(names.iter().all(|name| kept.is_uploaded_by(&user(name))));
}

/// From the first to the last, and each of them finds it, until it is gone.
pub async fn an_image_lists_everyone_who_uploaded_it(backend: impl Backend) {
    const UPLOADERS: usize = 130;
    let now = backend.clock().now();
    let names: Vec<String> = (0..UPLOADERS).map(|n| format!("u{n}")).collect();
    let (late, early) = names.split_last().unwrap();
    for name in early {
        bring(&backend, 1, name, name).await;
    }
    let images = &backend.ports().images;
    let stored = images.store_result(&image_id(1), &analysis(&["dog"], now)).await.unwrap().unwrap();
    assert_eq!(stored.uploads.len(), UPLOADERS - 1);
    let image = bring(&backend, 1, late, late).await;
    assert_eq!(image.uploads.iter().map(|upload| upload.user.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(images.get(&image.id).await.unwrap(), Some(image.clone()));
    assert_eq!(images.get_many(&[image.id]).await.unwrap(), std::slice::from_ref(&image));

    let mine = Conjunction { mine: Some(true), ..Conjunction::default() };
    for name in &names {
        assert_eq!(state_of(&backend, name).await, UploadState::Labelled);
        let user = user(name);
        let found = images.candidates(&mine, Audience::Viewer(Some(&user)), Position::NEWEST, 10).await.unwrap().found;
        assert_eq!(found.len(), 1, "{name}");
    }
    assert_eq!(images.remove(&image.files(), now, None).await.unwrap(), Removal::Removed(Box::new(image)));
    for name in &names {
        assert_eq!(backend.ports().uploads.get(&upload_id(name)).await.unwrap().unwrap().image_id, None, "{name}");
    }
    // The same bytes again are another image, which nobody of then brought.
    assert_eq!(bring(&backend, 1, "again", "again").await.uploads.len(), 1);
}

/// And everyone who brought it is done.
pub async fn a_result_is_stored_once(backend: impl Backend) {
    let now = backend.clock().now();
    bring(&backend, 1, "u1", "anna").await;
    bring(&backend, 1, "u2", "bert").await;
    let first = backend.ports().images.store_result(&image_id(1), &analysis(&["dog"], now)).await.unwrap().unwrap();
    assert_eq!(first.uploads.len(), 2);
    assert_eq!(status_of(&first), Some(Status::Visible));
    let again = backend.ports().images.store_result(&image_id(1), &analysis(&["cat"], now)).await.unwrap().unwrap();
    assert_eq!(again, first, "the first stays");
    assert_eq!(state_of(&backend, "u1").await, UploadState::Labelled);
    assert_eq!(state_of(&backend, "u2").await, UploadState::Labelled);
    // Who comes later is done at once.
    let late = bring(&backend, 1, "u3", "cleo").await;
    assert_eq!((late.result.is_some(), late.uploads.len()), (true, 3));
    assert_eq!(state_of(&backend, "u3").await, UploadState::Labelled);
}

/// It was deleted meanwhile.
pub async fn a_missing_image_gets_no_result(backend: impl Backend) {
    let found = analysis(&["dog"], backend.clock().now());
    assert_eq!(backend.ports().images.store_result(&image_id(1), &found).await.unwrap(), None);
    assert_eq!(backend.ports().images.get(&image_id(1)).await.unwrap(), None);
}

/// `docs/guarantees.md#the-last-attempt-reports`
pub async fn a_late_result_replaces_failed(backend: impl Backend) {
    bring(&backend, 1, "u1", "anna").await;
    backend.ports().uploads.fail(&upload_id("u1"), "gave up").await.unwrap();
    backend.ports().images.store_result(&image_id(1), &analysis(&["dog"], backend.clock().now())).await.unwrap();
    let upload = backend.ports().uploads.get(&upload_id("u1")).await.unwrap().unwrap();
    assert_eq!((upload.state, upload.reason), (UploadState::Labelled, None));
}

/// As many as are there.
pub async fn several_images_are_read_in_one_call(backend: impl Backend) {
    let now = backend.clock().now();
    for number in 1..=3 {
        labelled(&backend, number, "anna", &analysis(&["dog"], now)).await;
    }
    let ids = [image_id(3), image_id(9), image_id(1)];
    let mut found: Vec<_> =
        backend.ports().images.get_many(&ids).await.unwrap().into_iter().map(|image| image.id).collect();
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, [image_id(1), image_id(3)]);
    assert!(backend.ports().images.get_many(&[]).await.unwrap().is_empty());
}

/// Each image once, whatever comes in meanwhile.
pub async fn the_moderation_queue_is_paged_oldest_first(backend: impl Backend) {
    let now = backend.clock().now();
    for number in 1..=5 {
        let found = if number == 3 { analysis(&["dog"], now) } else { offensive(&["dog"], now) };
        labelled(&backend, number, "anna", &found).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = backend.ports().images.with_status(Status::Pending, after, 2).await.unwrap();
        assert!(page.images.len() <= 2);
        seen.extend(page.images.iter().map(|image| image.id));
        if seen.len() == 2 {
            labelled(&backend, 6, "anna", &offensive(&["cat"], now)).await;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 4, 5, 6].map(image_id));
    assert!(backend.ports().images.with_status(Status::Removed, None, 10).await.unwrap().images.is_empty());
}
