//! Sample values for the contract tests.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{
    Analysis, Caller, Color, Confidence, Connection, ConnectionId, Image, ImageFiles, ImageId, ImageType, Label,
    LabelName, ModerationLabel, Source, Status, Topic, TopicKey, Upload, UploadId, UploadState, UserId,
};
use labelcast_functions::ports::{Added, Clock, Created, NewImage, Quota, Subscription, SubscriptionState};
use labelcast_functions::query::Query;

use super::Backend;

pub(super) fn user(name: &str) -> UserId {
    name.parse().expect("a plain word is a user id")
}

pub(super) fn upload_id(name: &str) -> UploadId {
    name.parse().expect("a plain word is an upload id")
}

pub(super) fn name(text: &str) -> LabelName {
    text.parse().expect("a plain word is a label")
}

pub(super) fn percent(percent: f64) -> Confidence {
    Confidence::from_percent(percent).expect("a percentage is a confidence")
}

pub(super) fn image_id(number: u8) -> ImageId {
    ImageId::from_digest([number; 32])
}

/// Files of an image as they were before files had generations.
pub(super) fn files(number: u8) -> ImageFiles {
    ImageFiles { image_id: image_id(number), generation: None }
}

pub(super) fn new_image(number: u8, at: DateTime<Utc>) -> NewImage {
    NewImage {
        id: image_id(number),
        content_type: ImageType::Png,
        size: 1_000 + u64::from(number),
        width: 640,
        height: 480,
        uploaded_at: at,
    }
}

/// What a detector found, all of it with 90 %.
pub(super) fn analysis(labels: &[&str], at: DateTime<Utc>) -> Analysis {
    Analysis {
        labels: labels.iter().map(|label| Label::new(name(label), percent(90.0))).collect(),
        colors: vec![Color { name: "grey".to_owned(), hex: "#808080".to_owned(), percent: percent(12.34) }],
        ..Analysis::nothing(at)
    }
}

pub(super) fn offensive(labels: &[&str], at: DateTime<Utc>) -> Analysis {
    Analysis { moderation: vec![violence(99.5)], ..analysis(labels, at) }
}

/// What makes an image offensive.
pub(super) fn violence(confidence: f64) -> ModerationLabel {
    let (name, parent) = ("Violence".to_owned(), String::new());
    ModerationLabel { name, parent, confidence: percent(confidence), source: Some(Source::REKOGNITION) }
}

pub(super) fn no_quota(now: DateTime<Utc>) -> Quota {
    Quota { per_hour: 1_000, since: now - TimeDelta::hours(1) }
}

pub(super) fn pending(id: &str, whose: &str, at: DateTime<Utc>) -> Upload {
    Upload {
        id: upload_id(id),
        user: user(whose),
        name: "Katze & Hund.jpg".to_owned(),
        state: UploadState::Pending,
        image_id: None,
        reason: None,
        created_at: at,
        detached: false,
    }
}

/// Begins an upload, which must be accepted.
pub(super) async fn begin(backend: &impl Backend, id: &str, whose: &str) {
    let now = backend.clock().now();
    let created = backend.ports().uploads.create(&pending(id, whose, now), no_quota(now)).await;
    assert_eq!(created.expect("uploads can be stored"), Created::Stored);
}

/// Begins an upload and attaches it.
pub(super) async fn bring(backend: &impl Backend, number: u8, upload: &str, whose: &str) -> Image {
    begin(backend, upload, whose).await;
    let attached = backend.ports().images.attach(&new_image(number, backend.clock().now()), &upload_id(upload)).await;
    attached.expect("uploads can be attached").expect("a pending upload is attached")
}

/// An image with a result, brought by an upload named after both.
pub(super) async fn labelled(backend: &impl Backend, number: u8, whose: &str, analysis: &Analysis) -> Image {
    bring(backend, number, &format!("{whose}-{number}"), whose).await;
    let stored = backend.ports().images.store_result(&image_id(number), analysis).await;
    stored.expect("results can be stored").expect("the image is there")
}

pub(super) async fn state_of(backend: &impl Backend, upload: &str) -> UploadState {
    let found = backend.ports().uploads.get(&upload_id(upload)).await.expect("uploads can be read");
    found.expect("the upload is there").state
}

pub(super) fn status_of(image: &Image) -> Option<Status> {
    image.result.as_ref().map(|result| result.status)
}

pub(super) fn connection_id(text: &str) -> ConnectionId {
    text.parse().expect("a plain word is a connection id")
}

pub(super) fn app(name: &str) -> TopicKey {
    TopicKey::Shared(Topic::App(name.parse().expect("a plain word is a name")))
}

/// Somebody whose token is good for an hour.
pub(super) fn caller(backend: &impl Backend, name: &str) -> Caller {
    let expires_at = backend.clock().now() + TimeDelta::hours(1);
    Caller {
        user: user(name),
        username: name.to_owned(),
        groups: ["readers".to_owned()].into(),
        expires_at,
        account_version: 0,
    }
}

pub(super) fn connection(backend: &impl Backend, id: &str, whose: &str) -> Connection {
    Connection { id: connection_id(id), caller: caller(backend, whose), connected_at: backend.clock().now() }
}

/// A row without a socket.
pub(super) async fn connect(backend: &impl Backend, id: &str, whose: &str) -> Connection {
    let connection = connection(backend, id, whose);
    assert_eq!(backend.ports().connections.add(&connection, 100).await.expect("rows can be stored"), Added::Stored);
    connection
}

pub(super) fn subscription(connection: &Connection, topic: TopicKey, filter: Option<&str>) -> Subscription {
    Subscription {
        connection: connection.id.clone(),
        topic,
        filter: filter.map(|filter| Arc::new(Query::parse(filter).expect("it can be read"))),
        state: SubscriptionState::Replaying,
        caller: Arc::new(connection.caller.clone()),
    }
}
