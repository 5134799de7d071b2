//! Access to the deployed stack.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use labelcast_tests::Socket;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

/// The stack's outputs, with the tokens of its users.
pub struct Stack {
    notified: Value,
    /// Of this test's own: connections end with the test that opened them.
    pub http: Client,
}

impl Stack {
    /// The one that was deployed.
    pub fn deployed() -> Self {
        let path = std::env::var("LABELCAST_STACK").expect("`make test-deployed` says where the stack is");
        let text = std::fs::read_to_string(path).expect("the stack's outputs can be read");
        Self { notified: serde_json::from_str(&text).expect("they are JSON"), http: Client::new() }
    }

    /// An output.
    pub fn output(&self, name: &str) -> &str {
        self.notified[name].as_str().unwrap_or_else(|| panic!("the stack has an output {name}"))
    }

    /// A user's ID token.
    pub fn token(&self, user: &str) -> &str {
        self.notified["Tokens"][user].as_str().unwrap_or_else(|| panic!("there is a user {user}"))
    }

    /// A request to the REST API.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.output("ApiUrl"))).timeout(Duration::from_mins(1))
    }

    /// Asks as a user.
    pub async fn get(&self, path: &str, user: &str) -> (StatusCode, Value) {
        let response = self.request(Method::GET, path).bearer_auth(self.token(user)).send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Opens a user's socket.
    pub async fn connect(&self, user: &str) -> Socket {
        self.connect_with(self.token(user)).await.expect("a socket")
    }

    /// Opens a socket with any token. As programs do; browsers' way is tried in one, `tests/web/deployed.test.mjs`.
    pub async fn connect_with(&self, token: &str) -> Result<Socket, Error> {
        Box::pin(Socket::open_with_bearer(self.output("LiveUrl"), token)).await
    }

    /// Uploads a file; returns its upload's id once the bucket has it.
    pub async fn upload(&self, user: &str, kind: &str, bytes: Vec<u8>) -> String {
        let wish = json!({"name": "picture", "content_type": kind, "size": bytes.len()});
        let begin = self.request(Method::POST, "/uploads").bearer_auth(self.token(user)).json(&wish);
        let response = begin.send().await.expect("an answer");
        let status = response.status();
        let begun: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::CREATED, "{begun}");
        let fields = begun["fields"].as_object().expect("fields");
        let form = fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text(name.clone(), value.as_str().expect("texts").to_owned())
        });
        let form = form.part("file", Part::bytes(bytes).file_name("picture"));
        let posted =
            self.http.post(begun["url"].as_str().expect("a URL")).multipart(form).send().await.expect("an answer");
        assert_eq!(posted.status(), StatusCode::NO_CONTENT, "{:?}", posted.text().await);
        begun["upload_id"].as_str().expect("an id").to_owned()
    }
}

impl Stack {
    /// Who a user is, as their token says.
    pub fn user(&self, name: &str) -> String {
        let claims = self.token(name).split('.').nth(1).expect("a token has three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        claims["sub"].as_str().expect("whose it is").to_owned()
    }

    /// Fetches an image's picture and thumbnail by the signed links that came with it.
    pub async fn fetch(&self, image: &Value) {
        for link in ["original", "thumbnail"] {
            let link = image[link].as_str().unwrap_or_else(|| panic!("{link} of {image}"));
            let response = self.http.get(link).send().await.expect("an answer");
            assert_eq!(response.status(), StatusCode::OK, "{link}");
        }
    }
}

/// Bytes that no other run uploads, as a colour and a text.
pub fn unique(keywords: &str) -> Vec<u8> {
    let number: u32 = rand::random();
    let [red, green, blue, _] = number.to_be_bytes();
    labelcast_tests::picture::with_keywords(&format!("{keywords}, n{number}"), [red, green, blue])
}
