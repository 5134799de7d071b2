//! [`labelcast_functions::ports::Uploads`]

use chrono::TimeDelta;
use labelcast_functions::model::{Upload, UploadState};
use labelcast_functions::ports::{Clock, Created, Quota};

use super::Backend;
use super::samples::{analysis, begin, bring, image_id, labelled, no_quota, pending, state_of, upload_id, user};

async fn get(backend: &impl Backend, id: &str) -> Option<Upload> {
    backend.ports().uploads.get(&upload_id(id)).await.unwrap()
}

/// Durably: it is there after a restart.
pub async fn an_upload_round_trips(backend: impl Backend) {
    let now = backend.clock().now();
    let upload = pending("u1", "anna", now);
    assert_eq!(backend.ports().uploads.create(&upload, no_quota(now)).await.unwrap(), Created::Stored);
    assert_eq!(get(&backend, "u1").await, Some(upload.clone()));
    assert_eq!(get(&backend, "u2").await, None);
    let backend = backend.reopened().await;
    assert_eq!(get(&backend, "u1").await, Some(upload));
}

/// Others may go on, and so may the user an hour later.
pub async fn a_user_over_the_quota_cannot_begin_an_upload(backend: impl Backend) {
    let quota = |now| Quota { per_hour: 2, since: now - TimeDelta::hours(1) };
    for (id, whose, expected) in [
        ("u1", "anna", Created::Stored),
        ("u2", "anna", Created::Stored),
        ("u3", "anna", Created::OverQuota),
        ("u4", "bert", Created::Stored),
    ] {
        let now = backend.clock().now();
        assert_eq!(
            backend.ports().uploads.create(&pending(id, whose, now), quota(now)).await.unwrap(),
            expected,
            "{id}"
        );
    }
    assert_eq!(get(&backend, "u3").await, None);
    backend.clock().advance(TimeDelta::hours(1));
    let now = backend.clock().now();
    assert_eq!(backend.ports().uploads.create(&pending("u5", "anna", now), quota(now)).await.unwrap(), Created::Stored);
}

/// Even if they race.
pub async fn concurrent_uploads_do_not_exceed_the_quota(backend: impl Backend) {
    let now = backend.clock().now();
    let quota = Quota { per_hour: 3, since: now - TimeDelta::hours(1) };
    let uploads: Vec<_> = (0..12).map(|n| pending(&format!("u{n}"), "anna", now)).collect();
    let port = &backend.ports().uploads;
    let created = futures_util::future::join_all(uploads.iter().map(|upload| port.create(upload, quota))).await;
    assert_eq!(created.into_iter().filter(|created| *created.as_ref().unwrap() == Created::Stored).count(), 3);
    assert_eq!(port.count_since(&user("anna"), quota.since).await.unwrap(), 3);
}

/// What a quota counts: created after that moment, of that user, in whatever state.
pub async fn uploads_are_counted_by_user_and_age(backend: impl Backend) {
    let first = backend.clock().now();
    begin(&backend, "u1", "anna").await;
    backend.clock().advance(TimeDelta::minutes(1));
    begin(&backend, "u2", "anna").await;
    begin(&backend, "u3", "bert").await;
    backend.ports().uploads.reject(&upload_id("u2"), "no picture").await.unwrap();
    let count = async |since| backend.ports().uploads.count_since(&user("anna"), since).await.unwrap();
    assert_eq!(count(first - TimeDelta::seconds(1)).await, 2);
    assert_eq!(count(first).await, 1, "created after that moment");
    assert_eq!(count(backend.clock().now()).await, 0);
}

/// `docs/guarantees.md#one-way-out-of-pending`
pub async fn only_a_pending_upload_is_rejected(backend: impl Backend) {
    begin(&backend, "u1", "anna").await;
    assert!(backend.ports().uploads.reject(&upload_id("u1"), "no picture").await.unwrap());
    let rejected = get(&backend, "u1").await.unwrap();
    assert_eq!((rejected.state, rejected.reason.as_deref()), (UploadState::Rejected, Some("no picture")));

    assert!(!backend.ports().uploads.reject(&upload_id("u1"), "again").await.unwrap());
    assert_eq!(get(&backend, "u1").await, Some(rejected), "nothing changed");
    bring(&backend, 1, "u2", "anna").await;
    assert!(!backend.ports().uploads.reject(&upload_id("u2"), "late").await.unwrap());
    assert_eq!(state_of(&backend, "u2").await, UploadState::Received);
    assert!(!backend.ports().uploads.reject(&upload_id("unknown"), "who?").await.unwrap());
}

/// And nothing that has ended.
pub async fn pending_and_received_uploads_fail(backend: impl Backend) {
    begin(&backend, "pending", "anna").await;
    bring(&backend, 1, "received", "anna").await;
    for id in ["pending", "received"] {
        assert!(backend.ports().uploads.fail(&upload_id(id), "gave up").await.unwrap(), "{id}");
        let failed = get(&backend, id).await.unwrap();
        assert_eq!((failed.state, failed.reason.as_deref()), (UploadState::Failed, Some("gave up")));
    }
    assert_eq!(get(&backend, "received").await.unwrap().image_id, Some(image_id(1)));

    labelled(&backend, 2, "anna", &analysis(&["dog"], backend.clock().now())).await;
    begin(&backend, "rejected", "anna").await;
    backend.ports().uploads.reject(&upload_id("rejected"), "no picture").await.unwrap();
    for (id, state) in
        [("anna-2", UploadState::Labelled), ("rejected", UploadState::Rejected), ("pending", UploadState::Failed)]
    {
        assert!(!backend.ports().uploads.fail(&upload_id(id), "late").await.unwrap(), "{id}");
        let kept = get(&backend, id).await.unwrap();
        assert!(kept.state == state && kept.reason.as_deref() != Some("late"), "{kept:?}");
    }
    assert!(!backend.ports().uploads.fail(&upload_id("unknown"), "who?").await.unwrap());
}

/// Of that state only, and created before that moment only.
pub async fn stale_uploads_come_oldest_first(backend: impl Backend) {
    for id in ["u3", "u1", "u2"] {
        begin(&backend, id, "anna").await;
        backend.clock().advance(TimeDelta::minutes(1));
    }
    bring(&backend, 1, "received", "anna").await;
    backend.clock().advance(TimeDelta::minutes(1));
    let young = backend.clock().now();
    begin(&backend, "young", "anna").await;
    let stale = async |state, limit| {
        let found = backend.ports().uploads.stale(state, young, limit).await.unwrap();
        found.into_iter().map(|upload| upload.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stale(UploadState::Pending, 10).await, ["u3", "u1", "u2"]);
    assert_eq!(stale(UploadState::Pending, 2).await, ["u3", "u1"]);
    assert_eq!(stale(UploadState::Received, 10).await, ["received"]);
    assert_eq!(stale(UploadState::Failed, 10).await, Vec::<String>::new());
}

/// What is still being analyzed is not.
pub async fn old_completed_uploads_are_forgotten(backend: impl Backend) {
    begin(&backend, "pending", "anna").await;
    begin(&backend, "rejected", "anna").await;
    backend.ports().uploads.reject(&upload_id("rejected"), "no picture").await.unwrap();
    begin(&backend, "failed", "anna").await;
    backend.ports().uploads.fail(&upload_id("failed"), "gave up").await.unwrap();
    let image = labelled(&backend, 1, "anna", &analysis(&["dog"], backend.clock().now())).await;
    bring(&backend, 2, "received", "anna").await;
    backend.clock().advance(TimeDelta::minutes(1));
    let young = backend.clock().now();
    begin(&backend, "young", "anna").await;

    assert_eq!(backend.ports().uploads.forget(young).await.unwrap(), 4);
    for id in ["pending", "rejected", "failed", "anna-1"] {
        assert_eq!(get(&backend, id).await, None, "{id}");
    }
    assert_eq!(state_of(&backend, "received").await, UploadState::Received);
    assert_eq!(state_of(&backend, "young").await, UploadState::Pending);
    assert_eq!(
        backend.ports().images.get(&image.id).await.unwrap(),
        Some(image),
        "its image knows its uploader all the same"
    );
    assert_eq!(backend.ports().uploads.forget(young).await.unwrap(), 0);
}
