//! Several detectors together, with the real binary and real services beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use labelcast_tests::server::labelcast;
use labelcast_tests::{Server, Socket, picture};
use serde_json::{Value, json};

/// A detector of somebody's, which can be told to fail.
struct Service {
    url: String,
    fails: Arc<AtomicBool>,
}

impl Service {
    async fn start(answer: Value) -> Self {
        let fails = Arc::new(AtomicBool::new(false));
        let failing = fails.clone();
        let answer = answer.to_string();
        let respond = move |_: Bytes| {
            let (failing, answer) = (failing.clone(), answer.clone());
            async move {
                match failing.load(Ordering::SeqCst) {
                    true => (StatusCode::BAD_REQUEST, "told to fail").into_response(),
                    false => ([(header::CONTENT_TYPE, "application/json")], answer).into_response(),
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http:http://{}/detect", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/detect", post(respond))).await });
        Self { url, fails }
    }

    fn source(&self) -> String {
        self.url.trim_start_matches("http:http://").trim_end_matches("/detect").to_owned()
    }
}

fn cat() -> Value {
    json!({"labels": [{"name": "Cat", "confidence": 62, "parents": ["pet", "animal"]}, {"name": "red", "confidence": 41}]})
}

fn label<'a>(image: &'a Value, name: &str) -> &'a Value {
    image["labels"].as_array().unwrap().iter().find(|label| label["name"] == name).unwrap_or(&Value::Null)
}

/// The image of the next `image.labelled`.
async fn labelled(socket: &mut Socket) -> Value {
    socket.notification("image.labelled").await["data"]["image"].clone()
}

#[tokio::test]
async fn each_label_says_which_detector_found_it_and_is_found_whatever_its_confidence() {
    let service = Service::start(cat()).await;
    let server = Server::start(&["--detector", "builtin", "--detector", &service.url]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels"]).await;
    server.upload(&token, "image/png", picture::with_keywords("Sofa", [200, 20, 20])).await;
    let image = labelled(&mut socket).await;
    let source = format!("http:{}", service.source());
    assert_eq!(
        label(&image, "cat"),
        &json!({"name": "cat", "confidence": 62.0, "source": source, "parents": ["pet", "animal"]})
    );
    assert_eq!(label(&image, "sofa"), &json!({"name": "sofa", "confidence": 100.0, "source": "builtin"}));
    assert_eq!(label(&image, "red")["source"], "builtin", "the measurement is surer: {image}");
    let names: Vec<_> = image["labels"].as_array().unwrap().iter().map(|label| &label["name"]).collect();
    assert_eq!(names[..2], ["sofa", "cat"], "given, then seen, then measured");
    let found = async |query: &str| {
        server.get(&format!("/api/images?q={query}"), &token).await.1["images"].as_array().unwrap().len()
    };
    assert_eq!((found("cat").await, found("cat:60").await, found("cat:85").await), (1, 1, 0));
    assert_eq!((found("cat&min_confidence=62").await, found("cat&min_confidence=85").await), (1, 0));
}

#[tokio::test]
async fn a_picture_is_labelled_without_a_detector_that_fails_and_those_concerned_are_told() {
    let service = Service::start(cat()).await;
    service.fails.store(true, Ordering::SeqCst);
    let server = Server::start(&["--detector", "builtin", "--detector", &service.url]).await;
    server.command_with_input(&["users", "add", "other"], "a password of other's\n").await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    server.upload(&token, "image/png", picture::with_keywords("Sofa", [200, 20, 20])).await;
    let image = labelled(&mut socket).await;
    assert_eq!(label(&image, "sofa")["source"], "builtin");
    let failed = &image["failed_detectors"][0];
    assert_eq!(failed["name"], format!("http:{}", service.source()));
    assert!(failed["reason"].as_str().unwrap().contains("400"), "{failed}");
    let path = format!("/api/images/{}", image["image_id"].as_str().unwrap());
    for (user, told) in [("viewer", true), ("moderator", true), ("other", false)] {
        let token = server.token(user).await;
        let (_, shown) = server.get(&path, &token).await;
        assert_eq!(shown["failed_detectors"].is_array(), told, "{user}: {shown}");
    }
    let metrics = server.metrics().await;
    assert!(metrics.contains("labelcast_labelled_without_total{detector=\"http:"), "{metrics}");
}

#[tokio::test]
async fn where_no_detector_answers_the_upload_fails_with_the_reason() {
    let service = Service::start(cat()).await;
    service.fails.store(true, Ordering::SeqCst);
    let server = Server::start(&["--detector", &service.url, "--max-attempts", "1"]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["uploads"]).await;
    server.upload(&token, "image/jpeg", picture::jpeg(1)).await;
    let failed = socket.notification("upload.failed").await;
    let reason = failed["data"]["reason"].as_str().unwrap();
    assert!(reason.contains(&service.source()) && reason.contains("400"), "{reason}");
}

#[tokio::test]
async fn a_moderation_label_can_hide_without_an_alert_or_be_ignored() {
    let service = Service::start(json!({"labels": [], "moderation": [{"name": "Alcohol", "confidence": 90}]})).await;
    let both = ["--detector", "builtin", "--detector", &service.url, "--moderation", "Alcohol=hide"];
    let server = Server::start(&both).await;
    let (viewer, moderator) = (server.token("viewer").await, server.token("moderator").await);
    let (mut uploading, mut moderating) = (server.connect(&viewer).await, server.connect(&moderator).await);
    uploading.subscribe(&["uploads"]).await;
    moderating.subscribe(&["moderation"]).await;
    server.upload(&viewer, "image/jpeg", picture::jpeg(1)).await;
    let hidden = labelled(&mut uploading).await;
    assert_eq!(hidden["status"], "pending");
    server.upload(&viewer, "image/png", picture::with_keywords("Weapons", [10, 20, 230])).await;
    let alert = moderating.frame().await;
    assert_eq!(alert["event"], "image.offensive");
    assert_ne!(alert["data"]["image"]["image_id"], hidden["image_id"], "the first alert is of the second picture");
    let (_, queue) = server.get("/api/moderation", &moderator).await;
    assert_eq!(queue["images"][0]["image_id"], hidden["image_id"]);
    assert_eq!(queue["images"][0]["moderation"][0]["name"], "Alcohol");
    assert_eq!(server.get("/api/images", &viewer).await.1["images"], json!([]));

    let server = Server::start(&["--detector", &service.url, "--moderation", "*=ignore"]).await;
    let viewer = server.token("viewer").await;
    let mut socket = server.connect(&viewer).await;
    socket.subscribe(&["labels"]).await;
    server.upload(&viewer, "image/jpeg", picture::jpeg(1)).await;
    let image = labelled(&mut socket).await;
    assert_eq!((&image["offensive"], &image["labels"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn everyday_words_as_keywords_hide_nothing_unless_they_are_set_to() {
    let server = Server::start(&["--moderation-keyword", "gambling"]).await;
    let (viewer, moderator) = (server.token("viewer").await, server.token("moderator").await);
    let (mut watching, mut moderating) = (server.connect(&viewer).await, server.connect(&moderator).await);
    watching.subscribe(&["labels"]).await;
    moderating.subscribe(&["moderation"]).await;
    server.upload(&viewer, "image/png", picture::with_keywords("Products", [10, 200, 30])).await;
    let image = labelled(&mut watching).await;
    assert_eq!((&image["status"], &label(&image, "products")["confidence"]), (&json!("visible"), &json!(100.0)));
    server.upload(&viewer, "image/png", picture::with_keywords("Gambling", [10, 20, 230])).await;
    let alert = moderating.notification("image.offensive").await;
    assert_eq!(alert["data"]["moderation"][0]["source"], "builtin");
}

#[tokio::test]
async fn a_server_that_recognises_nothing_says_so() {
    let (plain, service) = (Server::start(&[]).await, Service::start(cat()).await);
    let with_service = Server::start(&["--detector", &service.url]).await;
    for (server, told) in [(&plain, true), (&with_service, false)] {
        for path in ["/healthz", "/web/settings.json"] {
            let (status, body) = server.get(path, "").await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(body["notice"].is_string(), told, "{path}: {body}");
        }
    }
}

/// What `make models` makes.
fn models() -> PathBuf {
    let models = root().join("target/models");
    assert!(models.join("efficientnet-lite0/model.onnx").exists(), "the models are not made: run `make models`");
    models
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::test]
async fn the_models_that_come_with_it_see_a_cat() {
    let server = Server::start(&["--models", models().to_str().unwrap()]).await;
    assert!(!server.get("/healthz", "").await.1["notice"].is_string());
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    socket.subscribe(&["labels"]).await;
    let cat = std::fs::read(root().join("tests/models/photographs/chelsea.jpg")).unwrap();
    server.upload(&token, "image/jpeg", cat).await;
    let image = labelled(&mut socket).await;
    assert_eq!(label(&image, "cat")["source"], "efficientnet-lite0", "{image}");
    assert!(label(&image, "cat")["confidence"].as_f64().unwrap() > 80.0, "{image}");
    assert!(label(&image, "landscape")["source"] == "builtin" && image["offensive"] == false, "{image}");
    assert!(image["failed_detectors"].is_null(), "{image}");
    let (_, found) = server.get("/api/images?q=cat", &token).await;
    assert_eq!(found["images"][0]["labels"], image["labels"]);
}

#[tokio::test]
async fn a_wrong_model_is_refused_at_the_start_with_file_and_cure() {
    let directory = tempfile::TempDir::new().unwrap();
    let model = directory.path().join("broken");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(model.join("model.onnx"), "no network").unwrap();
    let data = directory.path().join("data");
    let (data, spec) = (data.to_str().unwrap(), format!("onnx:{}", model.display()));
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", data, "--detector", &spec];
    let output = labelcast(&arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("broken"), "{said}");
}
