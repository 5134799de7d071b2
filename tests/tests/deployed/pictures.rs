//! Pictures, from upload to labels, alert, search and removal.

use labelcast_tests::Socket;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stack::{Stack, unique};

/// The uploader's notifications about this upload; other tests upload as the same user.
async fn about(uploader: &mut Socket, event: &str, upload: &str) -> Value {
    loop {
        let notified = uploader.notification(event).await;
        if notified["data"]["upload_id"] == json!(upload) {
            return notified;
        }
    }
}

#[tokio::test]
async fn a_picture_is_labelled_live_and_found_by_search() {
    let stack = Stack::deployed();
    let mut everyone = stack.connect("other").await;
    everyone.subscribe(&["labels"]).await;
    let mut uploader = stack.connect("viewer").await;
    uploader.subscribe(&["uploads"]).await;
    let word = format!("lighthouse{}", rand::random::<u32>());
    let upload = stack.upload("viewer", "image/png", unique(&word)).await;
    about(&mut uploader, "upload.received", &upload).await;
    let notified = about(&mut uploader, "image.labelled", &upload).await;
    let image = &notified["data"]["image"];
    let names: Vec<&str> =
        image["labels"].as_array().unwrap().iter().filter_map(|label| label["name"].as_str()).collect();
    assert!(names.contains(&word.as_str()), "{names:?}");
    let seen = loop {
        let seen = everyone.notification("image.labelled").await;
        if seen["data"]["image"]["image_id"] == image["image_id"] {
            break seen;
        }
    };
    assert_eq!(seen["data"].get("upload_id"), None, "whose upload it was is the uploader's own affair");

    let (status, found) = stack.get(&format!("/images?q={word}"), "other").await;
    assert_eq!((status, &found["images"][0]["image_id"]), (StatusCode::OK, &image["image_id"]), "{found}");
    stack.fetch(image).await;
    stack.fetch(&found["images"][0]).await;
    let path = format!("/images/{}", image["image_id"].as_str().unwrap());
    stack.fetch(&stack.get(&path, "other").await.1).await;
    for picture in ["original", "thumbnail"] {
        let request = stack.request(Method::GET, &format!("{path}/{picture}")).bearer_auth(stack.token("other"));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "by way of a redirection");
    }
    let (_, labels) = stack.get(&format!("/labels?prefix={word}"), "other").await;
    assert_eq!(labels["labels"][0]["count"], 1, "{labels}");
    let (_, state) = stack.get(&format!("/uploads/{upload}"), "viewer").await;
    assert_eq!(state["state"], "labelled", "{state}");
    assert_eq!(stack.get(&format!("/uploads/{upload}"), "other").await.0, StatusCode::NOT_FOUND);
    let thumbnail = stack.http.get(image["thumbnail"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(
        (thumbnail.status(), &thumbnail.headers()["content-type"]),
        (StatusCode::OK, &"image/jpeg".parse().unwrap())
    );
}

#[tokio::test]
async fn only_moderators_are_notified_of_offensive_images() {
    let stack = Stack::deployed();
    let mut moderator = stack.connect("moderator").await;
    moderator.subscribe(&["moderation"]).await;
    let mut uploader = stack.connect("viewer").await;
    uploader.subscribe(&["uploads"]).await;
    let upload = stack.upload("viewer", "image/png", unique("Violence")).await;
    let notified = loop {
        let notified = uploader.notification("image.labelled").await;
        if notified["data"]["upload_id"] == json!(upload) {
            break notified;
        }
    };
    assert_eq!(notified["data"]["image"]["status"], "pending");
    assert_eq!(notified["data"]["image"].get("labels"), None, "nothing more than that it waits");
    let id = &notified["data"]["image"]["image_id"];
    let alert = loop {
        let alert = moderator.notification("image.offensive").await;
        if alert["data"]["image"]["image_id"] == *id {
            break alert;
        }
    };
    assert_eq!(alert["data"]["moderation"][0]["name"], "Violence");
    let path = format!("/images/{}", id.as_str().unwrap());
    assert_eq!(stack.get(&path, "viewer").await.0, StatusCode::NOT_FOUND);
    assert_eq!(stack.get(&path, "moderator").await.0, StatusCode::OK);
    let (status, queue) = stack.get("/moderation", "moderator").await;
    assert!(status == StatusCode::OK && queue.to_string().contains(id.as_str().unwrap()), "{queue}");
    assert_eq!(stack.get("/moderation", "viewer").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn anything_but_a_picture_is_rejected_and_its_uploader_notified() {
    let stack = Stack::deployed();
    let mut uploader = stack.connect("other").await;
    uploader.subscribe(&["uploads"]).await;
    let upload = stack.upload("other", "image/jpeg", b"no picture at all, whatever it says".to_vec()).await;
    let notified = uploader.notification("upload.rejected").await;
    assert_eq!(notified["data"]["upload_id"], json!(upload));
    let (_, state) = stack.get(&format!("/uploads/{upload}"), "other").await;
    assert_eq!((&state["state"], &state["reason"]), (&json!("rejected"), &notified["data"]["reason"]));
}

#[tokio::test]
async fn a_webp_is_converted_for_the_detector() {
    let stack = Stack::deployed();
    let mut uploader = stack.connect("viewer").await;
    uploader.subscribe(&["uploads"]).await;
    let [red, green, blue, _] = rand::random::<u32>().to_be_bytes();
    let picture = image::RgbImage::from_pixel(200, 100, image::Rgb([red, green, blue]));
    let mut webp = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut webp, image::ImageFormat::WebP).unwrap();
    let upload = stack.upload("viewer", "image/webp", webp.into_inner()).await;
    loop {
        let notified = uploader.notification("image.labelled").await;
        if notified["data"]["upload_id"] == json!(upload) {
            assert!(notified["data"]["image"]["labels"].to_string().contains("landscape"), "{notified}");
            return;
        }
    }
}

#[tokio::test]
async fn viewers_of_an_image_are_notified_of_its_deletion() {
    let stack = Stack::deployed();
    let mut viewer = stack.connect("viewer").await;
    viewer.subscribe(&["labels", "uploads"]).await;
    let upload = stack.upload("viewer", "image/png", unique("harbour")).await;
    let image = loop {
        let notified = viewer.notification("image.labelled").await;
        if notified["data"]["upload_id"] == json!(upload) {
            break notified["data"]["image"]["image_id"].clone();
        }
    };
    let path = format!("/images/{}", image.as_str().unwrap());
    let deleted = stack.request(Method::DELETE, &path).bearer_auth(stack.token("viewer")).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    while viewer.notification("image.removed").await["data"]["image_id"] != image {}
    assert_eq!(stack.get(&path, "viewer").await.0, StatusCode::NOT_FOUND);
}
