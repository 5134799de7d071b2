//! Uploads, as a client does them.

use std::sync::LazyLock;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// Follows no redirect, so that tests see it.
pub static HTTP: LazyLock<Client> = LazyLock::new(|| {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client without special wishes")
});

/// Begins an upload: its id, and its form.
pub async fn begin(address: &str, token: &str, kind: &str, size: usize) -> Value {
    let wish = json!({"name": "picture", "content_type": kind, "size": size});
    let begin = HTTP.post(format!("http://{address}/api/uploads")).bearer_auth(token).json(&wish);
    let response = begin.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json().await.expect("JSON")
}

/// Posts a file with a form. The server may have come back on another port; the form's signature does not name it.
pub async fn post(address: &str, begun: &Value, bytes: Vec<u8>) -> reqwest::Result<Response> {
    let fields = begun["fields"].as_object().expect("fields");
    let form = fields
        .iter()
        .fold(Form::new(), |form, (name, value)| form.text(name.clone(), value.as_str().expect("texts").to_owned()));
    let file = Part::bytes(bytes).file_name("picture");
    HTTP.post(format!("http://{address}/objects")).multipart(form.part("file", file)).send().await
}

/// Uploads a picture; returns its upload's id once it is accepted.
pub async fn upload(address: &str, token: &str, kind: &str, bytes: Vec<u8>) -> String {
    let begun = begin(address, token, kind, bytes.len()).await;
    let response = post(address, &begun, bytes).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{:?}", response.text().await);
    begun["upload_id"].as_str().expect("an id").to_owned()
}
