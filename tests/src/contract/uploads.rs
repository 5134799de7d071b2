//! [`labelcast_functions::ports::Uploads`]

use chrono::TimeDelta;
use labelcast_functions::model::{Upload, UploadState};
use labelcast_functions::ports::{Clock, Created, Quota};

use super::Home;
use super::samples::{analysis, begin, bring, image_id, labelled, no_quota, pending, state_of, upload_id, user};

async fn get(home: &impl Home, id: &str) -> Option<Upload> {
    home.ports().uploads.get(&upload_id(id)).await.unwrap()
}

/// Durably: it is there after a restart.
pub async fn an_upload_is_read_as_it_was_stored(home: impl Home) {
    let now = home.clock().now();
    let upload = pending("u1", "anna", now);
    assert_eq!(home.ports().uploads.create(&upload, no_quota(now)).await.unwrap(), Created::Stored);
    assert_eq!(get(&home, "u1").await, Some(upload.clone()));
    assert_eq!(get(&home, "u2").await, None);
    let home = home.reopened().await;
    assert_eq!(get(&home, "u1").await, Some(upload));
}

/// Others may go on, and so may the user an hour later.
pub async fn a_user_over_the_quota_stores_nothing(home: impl Home) {
    let quota = |now| Quota { per_hour: 2, since: now - TimeDelta::hours(1) };
    for (id, whose, expected) in [
        ("u1", "anna", Created::Stored),
        ("u2", "anna", Created::Stored),
        ("u3", "anna", Created::OverQuota),
        ("u4", "bert", Created::Stored),
    ] {
        let now = home.clock().now();
        assert_eq!(home.ports().uploads.create(&pending(id, whose, now), quota(now)).await.unwrap(), expected, "{id}");
    }
    assert_eq!(get(&home, "u3").await, None);
    home.clock().advance(TimeDelta::hours(1));
    let now = home.clock().now();
    assert_eq!(home.ports().uploads.create(&pending("u5", "anna", now), quota(now)).await.unwrap(), Created::Stored);
}

/// However they race.
pub async fn uploads_begun_at_once_do_not_exceed_the_quota(home: impl Home) {
    let now = home.clock().now();
    let quota = Quota { per_hour: 3, since: now - TimeDelta::hours(1) };
    let uploads: Vec<_> = (0..12).map(|n| pending(&format!("u{n}"), "anna", now)).collect();
    let port = &home.ports().uploads;
    let created = futures_util::future::join_all(uploads.iter().map(|upload| port.create(upload, quota))).await;
    assert_eq!(created.into_iter().filter(|created| *created.as_ref().unwrap() == Created::Stored).count(), 3);
    assert_eq!(port.count_since(&user("anna"), quota.since).await.unwrap(), 3);
}

/// What a quota counts: created after that moment, of that user, in whatever state.
pub async fn uploads_are_counted_by_user_and_age(home: impl Home) {
    let first = home.clock().now();
    begin(&home, "u1", "anna").await;
    home.clock().advance(TimeDelta::minutes(1));
    begin(&home, "u2", "anna").await;
    begin(&home, "u3", "bert").await;
    home.ports().uploads.reject(&upload_id("u2"), "no picture").await.unwrap();
    let count = async |since| home.ports().uploads.count_since(&user("anna"), since).await.unwrap();
    assert_eq!(count(first - TimeDelta::seconds(1)).await, 2);
    assert_eq!(count(first).await, 1, "created after that moment");
    assert_eq!(count(home.clock().now()).await, 0);
}

/// `docs/guarantees.md#one-way-out-of-pending`
pub async fn only_a_pending_upload_is_rejected(home: impl Home) {
    begin(&home, "u1", "anna").await;
    assert!(home.ports().uploads.reject(&upload_id("u1"), "no picture").await.unwrap());
    let rejected = get(&home, "u1").await.unwrap();
    assert_eq!((rejected.state, rejected.reason.as_deref()), (UploadState::Rejected, Some("no picture")));

    assert!(!home.ports().uploads.reject(&upload_id("u1"), "again").await.unwrap());
    assert_eq!(get(&home, "u1").await, Some(rejected), "nothing changed");
    bring(&home, 1, "u2", "anna").await;
    assert!(!home.ports().uploads.reject(&upload_id("u2"), "late").await.unwrap());
    assert_eq!(state_of(&home, "u2").await, UploadState::Received);
    assert!(!home.ports().uploads.reject(&upload_id("unknown"), "who?").await.unwrap());
}

/// And nothing that has ended.
pub async fn pending_and_received_uploads_fail(home: impl Home) {
    begin(&home, "pending", "anna").await;
    bring(&home, 1, "received", "anna").await;
    for id in ["pending", "received"] {
        assert!(home.ports().uploads.fail(&upload_id(id), "gave up").await.unwrap(), "{id}");
        let failed = get(&home, id).await.unwrap();
        assert_eq!((failed.state, failed.reason.as_deref()), (UploadState::Failed, Some("gave up")));
    }
    assert_eq!(get(&home, "received").await.unwrap().image_id, Some(image_id(1)));

    labelled(&home, 2, "anna", &analysis(&["dog"], home.clock().now())).await;
    begin(&home, "rejected", "anna").await;
    home.ports().uploads.reject(&upload_id("rejected"), "no picture").await.unwrap();
    for (id, state) in
        [("anna-2", UploadState::Labelled), ("rejected", UploadState::Rejected), ("pending", UploadState::Failed)]
    {
        assert!(!home.ports().uploads.fail(&upload_id(id), "late").await.unwrap(), "{id}");
        let kept = get(&home, id).await.unwrap();
        assert!(kept.state == state && kept.reason.as_deref() != Some("late"), "{kept:?}");
    }
    assert!(!home.ports().uploads.fail(&upload_id("unknown"), "who?").await.unwrap());
}

/// Of that state only, and created before that moment only.
pub async fn stale_uploads_come_oldest_first(home: impl Home) {
    for id in ["u3", "u1", "u2"] {
        begin(&home, id, "anna").await;
        home.clock().advance(TimeDelta::minutes(1));
    }
    bring(&home, 1, "received", "anna").await;
    home.clock().advance(TimeDelta::minutes(1));
    let young = home.clock().now();
    begin(&home, "young", "anna").await;
    let stale = async |state, limit| {
        let found = home.ports().uploads.stale(state, young, limit).await.unwrap();
        found.into_iter().map(|upload| upload.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stale(UploadState::Pending, 10).await, ["u3", "u1", "u2"]);
    assert_eq!(stale(UploadState::Pending, 2).await, ["u3", "u1"]);
    assert_eq!(stale(UploadState::Received, 10).await, ["received"]);
    assert_eq!(stale(UploadState::Failed, 10).await, Vec::<String>::new());
}

/// What is still being analyzed is not.
pub async fn old_uploads_that_have_ended_are_forgotten(home: impl Home) {
    begin(&home, "pending", "anna").await;
    begin(&home, "rejected", "anna").await;
    home.ports().uploads.reject(&upload_id("rejected"), "no picture").await.unwrap();
    begin(&home, "failed", "anna").await;
    home.ports().uploads.fail(&upload_id("failed"), "gave up").await.unwrap();
    let image = labelled(&home, 1, "anna", &analysis(&["dog"], home.clock().now())).await;
    bring(&home, 2, "received", "anna").await;
    home.clock().advance(TimeDelta::minutes(1));
    let young = home.clock().now();
    begin(&home, "young", "anna").await;

    assert_eq!(home.ports().uploads.forget(young).await.unwrap(), 4);
    for id in ["pending", "rejected", "failed", "anna-1"] {
        assert_eq!(get(&home, id).await, None, "{id}");
    }
    assert_eq!(state_of(&home, "received").await, UploadState::Received);
    assert_eq!(state_of(&home, "young").await, UploadState::Pending);
    assert_eq!(
        home.ports().images.get(&image.id).await.unwrap(),
        Some(image),
        "its image knows its uploader all the same"
    );
    assert_eq!(home.ports().uploads.forget(young).await.unwrap(), 0);
}
