//! REST: every call, and every status of it.

use std::collections::BTreeSet;

use labelcast_tests::schemas::OpenApi;
use labelcast_tests::{Server, Socket, picture};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::document;

/// A server, its contract, and who may call.
struct Calls<'a> {
    server: &'a Server,
    contract: OpenApi,
    viewer: String,
    moderator: String,
    key: String,
}

impl Calls<'_> {
    /// Makes a call on the template's path with `{…}` filled in, and checks its answer.
    async fn call(
        &self,
        method: &str,
        template: &str,
        filled: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        status: u16,
    ) -> Value {
        let verb: Method = method.to_uppercase().parse().unwrap();
        let request = with(self.server.request(verb, &format!("/api{filled}")));
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {filled}");
        self.contract.check(method, template, response).await
    }

    async fn viewed(&self, method: &str, template: &str, filled: &str, status: u16) -> Value {
        self.call(method, template, filled, |request| request.bearer_auth(&self.viewer), status).await
    }

    async fn moderated(&self, method: &str, template: &str, filled: &str, status: u16) -> Value {
        self.call(method, template, filled, |request| request.bearer_auth(&self.moderator), status).await
    }

    async fn refused_without_a_token(&self) {
        for (method, template) in [
            ("post", "/uploads"),
            ("get", "/uploads/{upload_id}"),
            ("get", "/images"),
            ("get", "/images/{image_id}"),
            ("get", "/images/{image_id}/original"),
            ("get", "/images/{image_id}/thumbnail"),
            ("delete", "/images/{image_id}"),
            ("get", "/labels"),
            ("get", "/moderation"),
            ("get", "/history/{topic}"),
        ] {
            self.call(method, template, template, |request| request, 401).await;
        }
    }

    async fn uploads(&self) {
        let begin = async |body: Value, status: u16| {
            let with = |request: RequestBuilder| request.bearer_auth(&self.viewer).json(&body);
            self.call("post", "/uploads", "/uploads", with, status).await
        };
        let good = json!({"name": "cat.jpg", "content_type": "image/jpeg", "size": 12_345});
        self.contract.check_request("post", "/uploads", &good);
        let begun = begin(good, 201).await;
        begin(json!({"name": "cat.jpg"}), 400).await;
        begin(json!({"name": "cat.jpg", "content_type": "image/jpeg", "size": 16 << 20}), 413).await;
        begin(json!({"name": "cat.gif", "content_type": "image/gif", "size": 1}), 415).await;
        let path = format!("/uploads/{}", begun["upload_id"].as_str().unwrap());
        assert_eq!(self.viewed("get", "/uploads/{upload_id}", &path, 200).await["state"], "pending");
        self.moderated("get", "/uploads/{upload_id}", &path, 404).await;
        self.viewed("get", "/uploads/{upload_id}", "/uploads/%ff", 400).await;
    }

    async fn images(&self, image: &str, shared: &str, offensive: &str) {
        let (one, parts) = ("/images/{image_id}", ["original", "thumbnail"]);
        let (path, unknown) = (format!("/images/{image}"), format!("/images/{}", "0".repeat(64)));
        assert_eq!(self.viewed("get", one, &path, 200).await["image_id"], image);
        for path in [&unknown, &format!("/images/{offensive}"), "/images/x"] {
            self.viewed("get", one, path, 404).await;
        }
        for part in parts {
            let template = format!("{one}/{part}");
            self.viewed("get", &template, &format!("{path}/{part}"), 302).await;
            self.viewed("get", &template, &format!("{unknown}/{part}"), 404).await;
            self.viewed("get", &template, &format!("/images/%ff/{part}"), 400).await;
        }
        // A segment that is no UTF-8.
        self.viewed("get", one, "/images/%ff", 400).await;
        self.viewed("delete", one, "/images/%ff", 400).await;
        self.viewed("delete", one, &unknown, 404).await;
        self.viewed("delete", one, &format!("/images/{offensive}"), 204).await;
        self.viewed("delete", one, &format!("/images/{shared}"), 403).await;
        self.moderated("delete", one, &format!("/images/{shared}"), 204).await;
    }

    async fn searches(&self) {
        let found =
            self.viewed("get", "/images", "/images?q=lighthouse&min_confidence=85&language=en&limit=1", 200).await;
        assert_eq!(found["images"][0]["labels"][0]["name"], "lighthouse");
        let next = self.viewed("get", "/images", "/images?limit=1", 200).await["next"].clone();
        self.viewed("get", "/images", &format!("/images?cursor={}", next.as_str().unwrap()), 200).await;
        let error = self.viewed("get", "/images", "/images?q=dog:101", 400).await;
        assert!(error["error"]["position"].is_number() && error["error"]["expected"].is_string());
        self.viewed("get", "/images", "/images?limit=0", 400).await;
        self.viewed("get", "/images", "/images?q=is:offensive", 403).await;
        self.viewed("get", "/labels", "/labels?prefix=light&limit=5", 200).await;
        self.viewed("get", "/labels", &format!("/labels?prefix={}", "x".repeat(101)), 400).await;
        let queue = self.moderated("get", "/moderation", "/moderation?status=pending&limit=5", 200).await;
        assert!(queue["images"][0]["moderation"][0]["name"].is_string());
        self.moderated("get", "/moderation", "/moderation?status=visible", 400).await;
        self.viewed("get", "/moderation", "/moderation", 403).await;
        let history = self.viewed("get", "/history/{topic}", "/history/labels?limit=5", 200).await;
        assert!(history["notifications"][0]["data"]["image"].is_object());
        let since = format!("/history/labels?since={}", history["cursor"].as_str().unwrap());
        assert_eq!(self.viewed("get", "/history/{topic}", &since, 200).await["recovered"], true);
        self.viewed("get", "/history/{topic}", "/history/labels?since=x", 400).await;
        self.viewed("get", "/history/{topic}", "/history/moderation", 403).await;
    }

    async fn programs(&self) {
        let key = |request: RequestBuilder| request.header("x-api-key", &self.key);
        self.call("get", "/search", "/search?label=lighthouse&limit=1", key, 200).await;
        self.call("get", "/search", "/search?label=lighthouse&limit=0", key, 400).await;
        self.call("get", "/search", "/search?label=lighthouse", |request| request, 403).await;
        let template = "/topics/{topic}";
        let publish = async |topic: &str, body: Value, idempotency: &str, status: u16| {
            let with = |request| key(request).header("idempotency-key", idempotency).json(&body);
            self.call("post", template, &format!("/topics/{topic}"), with, status).await
        };
        let good = json!({"event": "build.done", "data": {"number": 1}});
        self.contract.check_request("post", template, &good);
        publish("app:builds", good, "1", 202).await;
        publish("app:builds", json!({"event": "build.done"}), "1", 409).await;
        publish("app:builds", json!({"event": "no blank"}), "2", 400).await;
        publish("labels", json!({"event": "e"}), "3", 403).await;
        publish("app:builds", json!({"event": "e", "data": "x".repeat(24 * 1024)}), "4", 413).await;
        let with = |request| key(request).header("content-type", "text/plain").body("{}");
        self.call("post", template, "/topics/app:builds", with, 415).await;
    }

    /// What stands for no call of the document still has the shape of every error.
    async fn what_is_not_there(&self) {
        for (method, path, status) in [(Method::GET, "/api/nothing", 404), (Method::PUT, "/api/images", 405)] {
            let response = self.server.request(method, path).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(
                self.contract.document().differences("/components/schemas/ErrorBody", &body),
                Vec::<String>::new()
            );
        }
    }
}

async fn labelled(socket: &mut Socket, upload: &str) -> String {
    loop {
        let notified = socket.notification("image.labelled").await;
        if notified["data"]["upload_id"] == upload {
            return notified["data"]["image"]["image_id"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn every_rest_response_conforms_to_the_contract_and_every_response_of_it_occurs() {
    // Five uploads: one that is begun only, three pictures, and the one too many.
    let server = Server::start(&["--uploads-per-hour", "4"]).await;
    let calls = Calls {
        contract: OpenApi::new(&document(&server, "openapi.json").await),
        viewer: server.token("viewer").await,
        moderator: server.token("moderator").await,
        key: server.command(&["keys", "add", "all", "--allow", "search,publish:app:*"]).await,
        server: &server,
    };
    let (mut viewing, mut moderating) = (server.connect(&calls.viewer).await, server.connect(&calls.moderator).await);
    viewing.subscribe(&["uploads"]).await;
    moderating.subscribe(&["uploads"]).await;
    let lighthouse = picture::with_keywords("lighthouse", [20, 60, 200]);
    let upload = server.upload(&calls.viewer, "image/png", lighthouse).await;
    let image = labelled(&mut viewing, &upload).await;
    let upload = server.upload(&calls.viewer, "image/jpeg", picture::jpeg(1)).await;
    let shared = labelled(&mut viewing, &upload).await;
    let upload = server.upload(&calls.moderator, "image/jpeg", picture::jpeg(1)).await;
    assert_eq!(labelled(&mut moderating, &upload).await, shared);
    let violence = picture::with_keywords("Graphic Violence", [200, 20, 20]);
    let upload = server.upload(&calls.viewer, "image/png", violence).await;
    let offensive = labelled(&mut viewing, &upload).await;
    calls.refused_without_a_token().await;
    calls.uploads().await;
    calls.searches().await;
    calls.images(&image, &shared, &offensive).await;
    calls.programs().await;
    calls.what_is_not_there().await;
    let one_too_many = json!({"name": "cat.jpg", "content_type": "image/jpeg", "size": 1});
    let with = |request: RequestBuilder| request.bearer_auth(&calls.viewer).json(&one_too_many);
    calls.call("post", "/uploads", "/uploads", with, 429).await;
    // What only a broken or full machine answers cannot be asked for here.
    let unseen = calls.contract.unseen();
    let unseen: BTreeSet<&String> = unseen
        .iter()
        .filter(|response| ![" 500", " 503", " 507"].iter().any(|status| response.ends_with(status)))
        .collect();
    assert!(unseen.is_empty(), "listed in the document, never seen: {unseen:?}");
}
