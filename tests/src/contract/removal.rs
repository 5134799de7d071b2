//! [`labelcast_functions::ports::Images::remove`]

use chrono::TimeDelta;
use labelcast_functions::model::{Audience, Position};
use labelcast_functions::ports::{Clock, Removal};
use labelcast_functions::query::Conjunction;

use super::Backend;
use super::samples::{analysis, begin, bring, image_id, labelled, new_image, pending, upload_id, user};

/// From search too, and it can come again.
pub async fn a_removed_image_is_gone(backend: impl Backend) {
    let now = backend.clock().now();
    let image = labelled(&backend, 1, "anna", &analysis(&["dog"], now)).await;
    let Removal::Removed(removed) =
        backend.ports().images.remove(&image.files(), image.uploaded_at, None).await.unwrap()
    else {
        panic!("it is there")
    };
    assert_eq!(*removed, image, "what it was");
    assert_eq!(backend.ports().images.get(&image.id).await.unwrap(), None);
    let everything = Conjunction::default();
    let page = backend.ports().images.candidates(&everything, Audience::EVERYONE, Position::NEWEST, 10).await.unwrap();
    assert!(page.found.is_empty());
    assert_eq!(
        backend.ports().images.remove(&image.files(), image.uploaded_at, None).await.unwrap(),
        Removal::NotFound
    );
    let upload = backend.ports().uploads.get(&upload_id("anna-1")).await.unwrap().unwrap();
    assert_eq!(upload.image_id, None, "its upload does not lead to it any more");

    let again = bring(&backend, 1, "again", "bert").await;
    assert_eq!(again.result, None);
    assert!(again.is_only_uploaded_by(&user("bert")));
}

/// A late repeat of a removal takes nothing that came since.
pub async fn a_removal_only_applies_to_the_image_it_was_requested_for(backend: impl Backend) {
    let image = labelled(&backend, 1, "anna", &analysis(&["dog"], backend.clock().now())).await;
    let (images, earlier) = (&backend.ports().images, image.uploaded_at - TimeDelta::seconds(1));
    assert_eq!(images.remove(&image.files(), earlier, None).await.unwrap(), Removal::NotFound);
    assert_eq!(images.get(&image.id).await.unwrap(), Some(image));
}

/// Checked with the deletion, so that nobody's picture goes while they bring it.
pub async fn an_uploader_can_only_remove_an_image_nobody_else_uploaded(backend: impl Backend) {
    let image = labelled(&backend, 1, "anna", &analysis(&["dog"], backend.clock().now())).await;
    let (files, at) = (image.files(), image.uploaded_at);
    let (anna, bert) = (user("anna"), user("bert"));
    assert_eq!(backend.ports().images.remove(&files, at, Some(&bert)).await.unwrap(), Removal::SharedWithOthers);
    bring(&backend, 1, "u2", "bert").await;
    assert_eq!(backend.ports().images.remove(&files, at, Some(&anna)).await.unwrap(), Removal::SharedWithOthers);
    assert!(matches!(backend.ports().images.remove(&files, at, None).await.unwrap(), Removal::Removed(_)));
}

/// Either the image stays and is shared, or it goes and comes again as new.
pub async fn concurrent_removal_and_upload_leave_no_partial_image(backend: impl Backend) {
    let now = backend.clock().now();
    let anna = user("anna");
    for number in 0..8 {
        let image = labelled(&backend, number, "anna", &analysis(&["dog"], now)).await;
        let (files, at) = (image.files(), image.uploaded_at);
        let upload = pending(&format!("bert-{number}"), "bert", now);
        backend.ports().uploads.create(&upload, super::samples::no_quota(now)).await.unwrap();
        let (images, id, new) = (&backend.ports().images, image_id(number), new_image(number, now));
        let (removal, attached) = tokio::join!(images.remove(&files, at, Some(&anna)), images.attach(&new, &upload.id));
        let attached = attached.unwrap().expect("the upload was pending");
        let kept =
            images.get(&id).await.unwrap().expect("bert brought it in any case, at the latest after the removal");
        assert!(kept.is_uploaded_by(&user("bert")));
        match removal.unwrap() {
            Removal::SharedWithOthers => assert_eq!(kept.uploads.len(), 2),
            Removal::Removed(_) => assert_eq!((kept.uploads.len(), kept.result.is_none()), (1, true), "{attached:?}"),
            Removal::NotFound => panic!("it was there"),
        }
    }
}

/// The same bytes again, even within the same moment, have files of their own.
pub async fn a_late_removal_does_not_remove_a_new_upload_of_the_image(backend: impl Backend) {
    let first = bring(&backend, 1, "first", "anna").await;
    let images = &backend.ports().images;
    assert!(matches!(images.remove(&first.files(), first.uploaded_at, None).await.unwrap(), Removal::Removed(_)));
    let again = bring(&backend, 1, "again", "anna").await;
    assert_ne!(again.files(), first.files());
    assert_eq!(images.remove(&first.files(), first.uploaded_at, None).await.unwrap(), Removal::NotFound);
    assert_eq!(images.get(&again.id).await.unwrap(), Some(again));
}

/// Neither an upload that had its result nor one that had failed brings back what was removed: a job that comes late must
/// not make a row whose files are gone.
pub async fn an_upload_of_a_removed_image_never_attaches_again(backend: impl Backend) {
    let now = backend.clock().now();
    let (images, uploads) = (&backend.ports().images, &backend.ports().uploads);
    for (number, upload, failed) in [(1, "waits", false), (2, "failed", true)] {
        let image = bring(&backend, number, upload, "anna").await;
        if failed {
            assert!(uploads.fail(&upload_id(upload), "gave up").await.unwrap());
        }
        images.remove(&image.files(), image.uploaded_at, None).await.unwrap();
        for other in [number, 9] {
            assert_eq!(images.attach(&new_image(other, now), &upload_id(upload)).await.unwrap(), None, "{upload}");
            assert_eq!(images.get(&image_id(other)).await.unwrap(), None, "{upload}");
        }
    }
    begin(&backend, "early", "anna").await;
    uploads.fail(&upload_id("early"), "gave up").await.unwrap();
    assert!(images.attach(&new_image(3, now), &upload_id("early")).await.unwrap().is_some(), "it had no image yet");
}
