//! Authentication, and the web app.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::stack::Stack;

#[tokio::test]
async fn no_connection_is_accepted_without_a_valid_token() {
    let stack = Stack::deployed();
    let good = stack.token("viewer");
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    for token in ["", "nonsense", &forged] {
        assert!(stack.connect_with(token).await.is_err(), "{token}");
    }
    let response = stack.request(Method::GET, "/images").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let error: Value = response.json().await.unwrap();
    assert!(error["error"]["message"].is_string(), "the gateway's own errors have our form: {error}");
}

#[tokio::test]
async fn the_web_app_is_served_with_its_settings() {
    let stack = Stack::deployed();
    let page = stack.http.get(stack.output("WebUrl")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.headers().contains_key("content-security-policy"));
    let settings: Value =
        stack.http.get(format!("{}settings.json", stack.output("WebUrl"))).send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["api"], stack.output("ApiUrl"));
    assert_eq!(settings["live"], stack.output("LiveUrl"));
    let contract: Value = stack.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(contract["paths"]["/topics/{topic}"].is_object(), "{contract}");
}

#[tokio::test]
async fn the_command_line_works_against_the_stack() {
    let stack = Stack::deployed();
    let directory = tempfile::tempdir().unwrap();
    let word = format!("windmill{}", rand::random::<u32>());
    let file = directory.path().join("picture.png");
    std::fs::write(&file, crate::stack::unique(&word)).unwrap();
    let run = async |arguments: &[&str]| {
        let mut command = labelcast_tests::server::labelcast(arguments);
        let command = command.args(["--url", stack.output("ApiUrl"), "--json"]);
        let done = command.env("LABELCAST_TOKEN", stack.token("viewer")).output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(run(&["upload", file.to_str().unwrap()]).await.contains(&word), "its labels came over the socket");
    assert!(run(&["search", &word]).await.contains(&word));
}
