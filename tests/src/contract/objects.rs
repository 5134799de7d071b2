//! [`labelcast_functions::ports::Objects`], its forms and links over HTTP.

use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use labelcast_functions::model::ImageType;
use labelcast_functions::ports::{Clock, ObjectKey, UploadForm};
use labelcast_functions::signing::PresignedPost;
use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};

use super::Backend;
use super::samples::{files, image_id, upload_id};

async fn bytes_of(backend: &impl Backend, key: &ObjectKey) -> Option<Vec<u8>> {
    let read = backend.ports().objects.read(key).await.unwrap()?;
    let parts: Vec<Bytes> = read.bytes.try_collect().await.unwrap();
    let bytes = parts.concat();
    assert_eq!(bytes.len() as u64, read.info.size);
    Some(bytes)
}

async fn form(backend: &impl Backend, upload: &str) -> PresignedPost {
    let form = UploadForm {
        key: ObjectKey::new_upload(&upload_id(upload)),
        content_type: ImageType::Png,
        size: 1..=100,
        expires_at: backend.clock().now() + TimeDelta::minutes(10),
    };
    backend.ports().objects.sign_post(&form).await.unwrap()
}

async fn post(signed: &PresignedPost, changed: &[(&str, &str)], bytes: &[u8]) -> Response {
    let mut fields = signed.fields.clone();
    for (name, value) in changed {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    let form = fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
    let form = form.part("file", Part::bytes(bytes.to_vec()).file_name("picture"));
    reqwest::Client::new().post(&signed.url).multipart(form).send().await.expect("an answer")
}

/// Also an empty one, and one that is overwritten.
pub async fn an_object_round_trips(backend: impl Backend) {
    let objects = &backend.ports().objects;
    let key = ObjectKey::processed(&files(1));
    assert!(objects.read(&key).await.unwrap().is_none());
    assert!(objects.head(&key).await.unwrap().is_none());
    let mut etags = Vec::new();
    let large = vec![7; 300_000];
    for bytes in [&b"a picture"[..], &large, b""] {
        objects.write(&key, "image/png", Bytes::copy_from_slice(bytes)).await.unwrap();
        assert_eq!(bytes_of(&backend, &key).await.as_deref(), Some(bytes));
        let info = objects.head(&key).await.unwrap().expect("it is there");
        assert_eq!(info.size, bytes.len() as u64);
        etags.push(info.etag);
    }
    assert!(etags[0] != etags[1] && etags[1] != etags[2] && !etags[0].contains('"'));
    let backend = backend.reopened().await;
    assert_eq!(bytes_of(&backend, &key).await.as_deref(), Some(&b""[..]));
}

/// Deleting it twice is fine.
pub async fn a_deleted_object_is_gone(backend: impl Backend) {
    let key = ObjectKey::thumbnail(&files(1));
    backend.ports().objects.write(&key, "image/jpeg", Bytes::from_static(b"small")).await.unwrap();
    backend.ports().objects.delete(&key).await.unwrap();
    assert_eq!(bytes_of(&backend, &key).await, None);
    backend.ports().objects.delete(&key).await.unwrap();
}

/// In order, and in pages.
pub async fn objects_are_listed_by_prefix(backend: impl Backend) {
    let objects = &backend.ports().objects;
    let began = backend.clock().now() - TimeDelta::minutes(5);
    for name in ["b", "a-2", "a-1"] {
        let key = ObjectKey::new_upload(&upload_id(name));
        objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    }
    objects.write(&ObjectKey::original(&files(1)), "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    let list = async |prefix: &str, after| {
        let listed = objects.list(prefix, after).await.unwrap();
        assert!(listed.iter().all(|object| object.modified > began), "{listed:?}");
        listed.into_iter().map(|object| object.key).collect::<Vec<_>>()
    };
    assert_eq!(list("new/", None).await, ["new/a-1", "new/a-2", "new/b"]);
    assert_eq!(list("new/a-", None).await, ["new/a-1", "new/a-2"]);
    assert_eq!(list("new/", Some("new/a-1")).await, ["new/a-2", "new/b"]);
    let original = ObjectKey::original(&files(1));
    assert_eq!(list("original/", None).await, [original.as_str()]);
    assert_eq!(list(&original.as_str()[..12], None).await, [original.as_str()]);
    assert_eq!(list("rejected/", None).await, [""; 0]);
}

/// Nobody swaps the bytes between the check and the copy (`docs/guarantees.md#one-way-out-of-pending`).
pub async fn only_the_checked_version_is_copied(backend: impl Backend) {
    let objects = &backend.ports().objects;
    let (from, to) = (ObjectKey::new_upload(&upload_id("u1")), ObjectKey::processed(&files(1)));
    objects.write(&from, "image/png", Bytes::from_static(b"good")).await.unwrap();
    let checked = objects.head(&from).await.unwrap().expect("it is there").etag;
    objects.write(&from, "image/png", Bytes::from_static(b"evil")).await.unwrap();
    assert!(!objects.copy_if_unchanged(&from, &checked, &to).await.unwrap());
    assert_eq!(bytes_of(&backend, &to).await, None);
    objects.write(&from, "image/png", Bytes::from_static(b"good")).await.unwrap();
    assert!(objects.copy_if_unchanged(&from, &checked, &to).await.unwrap());
    assert_eq!(bytes_of(&backend, &to).await.as_deref(), Some(&b"good"[..]));
    objects.delete(&from).await.unwrap();
    assert!(!objects.copy_if_unchanged(&from, &checked, &to).await.unwrap(), "it is gone");
}

/// Its creation is reported, too.
pub async fn a_signed_form_stores_its_object(backend: impl Backend) {
    let signed = form(&backend, "u1").await;
    let response = post(&signed, &[], b"a picture").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{:?}", response.text().await);
    let key = ObjectKey::new_upload(&upload_id("u1"));
    assert_eq!(bytes_of(&backend, &key).await.as_deref(), Some(&b"a picture"[..]));
    assert_eq!(backend.next_created().await, key.as_str());
}

/// Neither its bounds nor its place.
pub async fn a_form_allows_nothing_else(backend: impl Backend) {
    let signed = form(&backend, "u1").await;
    let attempts = [
        (&[][..], &[7; 101][..], "EntityTooLarge"),
        (&[], b"", "EntityTooSmall"),
        (&[("key", "processed/ab/abcd")], b"a picture", "AccessDenied"),
        (&[("Content-Type", "text/html")], b"a picture", "AccessDenied"),
        (&[("x-amz-signature", "00")], b"a picture", "SignatureDoesNotMatch"),
    ];
    for (changed, bytes, code) in attempts {
        let response = post(&signed, changed, bytes).await;
        assert!(response.status().is_client_error(), "{changed:?}");
        let text = response.text().await.unwrap();
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{changed:?}: {text}");
    }
    assert_eq!(bytes_of(&backend, &ObjectKey::new_upload(&upload_id("u1"))).await, None);
}

/// With the type it was signed for.
pub async fn a_signed_link_fetches_its_object(backend: impl Backend) {
    let key = ObjectKey::original(&files(1));
    backend.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    let link = backend.ports().objects.sign_get(&key, "image/png", Duration::from_mins(5));
    let response = reqwest::get(&link).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap(), &b"a picture"[..]);
    let part = reqwest::Client::new().get(&link).header("range", "bytes=2-4").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), &b"pic"[..]);
    let missing =
        backend.ports().objects.sign_get(&ObjectKey::original(&files(2)), "image/png", Duration::from_mins(5));
    assert!(reqwest::get(&missing).await.unwrap().status().is_client_error());
}

/// Nor does it open anything else.
pub async fn a_tampered_link_is_refused(backend: impl Backend) {
    for number in [1, 2] {
        let key = ObjectKey::original(&files(number));
        backend.ports().objects.write(&key, "image/png", Bytes::from_static(b"a picture")).await.unwrap();
    }
    let link = backend.ports().objects.sign_get(&ObjectKey::original(&files(1)), "image/png", Duration::from_mins(5));
    let (one, two) = (image_id(1).to_string(), image_id(2).to_string());
    let other = link.replace(&one, &two).replace("/01/", "/02/");
    let longer = link.replace("X-Amz-Expires=300", "X-Amz-Expires=3000");
    let unsigned = link.split('?').next().unwrap_or_default().to_owned();
    for changed in [other, longer, unsigned] {
        assert_ne!(changed, link);
        assert_eq!(reqwest::get(&changed).await.unwrap().status(), StatusCode::FORBIDDEN, "{changed}");
    }
}
