//! The audit log: who did what, from where, in the log of the server, without a secret.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use labelcast_tests::server::labelcast;
use labelcast_tests::{picture, uploads};
use reqwest::{Client, StatusCode, header, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::time::Instant;

const PASSWORD: &str = "a long password of ann";

/// A server whose log is read.
struct Logged {
    url: String,
    directory: TempDir,
    lines: Arc<Mutex<Vec<Value>>>,
    serving: Child,
}

impl Logged {
    async fn serve(directory: TempDir) -> Self {
        let data = directory.path().to_str().unwrap();
        let mut serving = labelcast(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data", data])
            .env("LABELCAST_LOG", "error")
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (mut log, seen) = (BufReader::new(serving.stderr.take().unwrap()).lines(), lines.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                seen.lock().unwrap().push(line);
            }
        });
        let mut output = BufReader::new(serving.stdout.take().unwrap()).lines();
        let mut url = None;
        while let Some(line) = output.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once("http://") {
                url = Some(format!("http://{}", rest.split('/').next().unwrap()));
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        Self { url: url.unwrap(), directory, lines, serving }
    }

    async fn command(&self, arguments: &[&str], input: &str) -> String {
        let mut command = labelcast(arguments);
        command.arg("--data").arg(self.directory.path()).stdin(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // What reads nothing may have ended before.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = process.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Waits for a line about this.
    async fn audit(&self, action: &str, outcome: &str, what: Option<&str>) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.lines.lock().unwrap().iter().find_map(|line| {
                let fields = &line["fields"];
                let right = line["target"] == "audit" && fields["action"] == action && fields["outcome"] == outcome;
                (right && what.is_none_or(|what| fields["what"] == what)).then(|| fields.clone())
            });
            if let Some(found) = found {
                return found;
            }
            let lines = self.lines.lock().unwrap().clone();
            assert!(begun.elapsed() < Duration::from_secs(10), "no {action} {outcome} {what:?} in {lines:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a browser does with the sign-in page.
    async fn sign_in(&self, user: &str, password: &str) -> StatusCode {
        let browser = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let settings: Value =
            browser.get(format!("{}/web/settings.json", self.url)).send().await.unwrap().json().await.unwrap();
        let query = [
            ("client_id", settings["client_id"].as_str().unwrap()),
            ("redirect_uri", &format!("{}/web/", self.url)),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", &"x".repeat(43)),
            ("code_challenge_method", "S256"),
        ];
        let page = format!("{}/login", self.url);
        let shown = browser.get(&page).query(&query).send().await.unwrap();
        let cookie = shown.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let form = cookie.split_once('=').unwrap().1;
        let body = format!("username={user}&password={}&form={form}", password.replace(' ', "+"));
        let sent = browser.post(&page).query(&query).header(header::COOKIE, &cookie).body(body);
        let sent = sent.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await.unwrap();
        sent.status()
    }
}

#[tokio::test]
async fn actions_of_people_and_operators_are_in_the_audit_log_without_secrets() {
    let server = Logged::serve(TempDir::new().unwrap()).await;
    server.command(&["users", "add", "ann"], PASSWORD).await;
    let added = server.audit("user_added", "succeeded", Some("ann")).await;
    assert_eq!(added["from"], "command line");
    assert!(added["who"].as_str().unwrap().starts_with("uid ") && added["at"].is_string(), "{added}");

    assert_eq!(server.sign_in("ann", PASSWORD).await, StatusCode::FOUND);
    let signed_in = server.audit("sign_in", "succeeded", None).await;
    assert_eq!((&signed_in["who"], &signed_in["from"]), (&json!("ann"), &json!("127.0.0.1")));
    // Whoever types a name chooses what stands in the log, but not its lines.
    server.sign_in("eve%0A%1B[31maudit", "a wrong password").await;
    let failed = server.audit("sign_in", "failed", None).await;
    assert_eq!(failed["who"], "eve\n\u{1b}[31maudit", "as a JSON string, which escapes it");
    for _ in 0..6 {
        server.sign_in("bob", "a wrong password").await;
    }
    assert_eq!(server.audit("sign_in", "slowed", None).await["who"], "bob");

    let token = server.command(&["token", "ann"], "").await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let upload = uploads::upload(&address, &token, "image/jpeg", picture::jpeg(1)).await;
    let image = loop {
        let status = Client::new().get(format!("{}/api/uploads/{upload}", server.url)).bearer_auth(&token);
        let status: Value = status.send().await.unwrap().json().await.unwrap();
        if status["state"] == "labelled" {
            break status["image_id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let delete = Client::new().delete(format!("{}/api/images/{image}", server.url)).bearer_auth(&token);
    assert_eq!(delete.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let deleted = server.audit("image_deleted", "succeeded", Some(&image)).await;
    assert_eq!((&deleted["who"], &deleted["from"]), (&json!("ann"), &json!("127.0.0.1")));

    let refused = Client::new().delete(format!("{}/live/@connections/EzhJ9dpbjoECI5w=", server.url)).send().await;
    assert_eq!(refused.unwrap().status(), StatusCode::FORBIDDEN);
    server.audit("management_call", "refused", None).await;
    let search =
        Client::new().get(format!("{}/api/search?label=dog", server.url)).header("x-api-key", "lc_no_such_key");
    assert_eq!(search.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    server.audit("key_use", "refused", Some("GET /search")).await;

    let key = server.command(&["keys", "add", "ci", "--allow", "search"], "").await;
    server.command(&["keys", "remove", "ci"], "").await;
    server.command(&["users", "groups", "ann", "--group", "moderators"], "").await;
    server.command(&["users", "passwd", "ann"], "another password of ann").await;
    server.command(&["users", "remove", "ann"], "").await;
    for (action, what) in [
        ("key_added", "ci"),
        ("key_removed", "ci"),
        ("groups_changed", "ann"),
        ("password_changed", "ann"),
        ("user_removed", "ann"),
    ] {
        assert_eq!(server.audit(action, "succeeded", Some(what)).await["from"], "command line", "{action}");
    }
    let log = server.lines.lock().unwrap().iter().map(Value::to_string).collect::<String>();
    for secret in [PASSWORD, "a wrong password", "another password", "lc_no_such_key", &key, &token] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn commands_run_without_a_server_appear_in_the_next_servers_log() {
    let mut server = Logged::serve(TempDir::new().unwrap()).await;
    server.serving.kill().await.unwrap();
    server.command(&["users", "remove", "viewer"], "").await;
    server.command(&["keys", "add", "ci", "--allow", "search"], "").await;
    let Logged { directory, .. } = server;
    let server = Logged::serve(directory).await;
    server.audit("user_removed", "succeeded", Some("viewer")).await;
    server.audit("key_added", "succeeded", Some("ci")).await;
}
