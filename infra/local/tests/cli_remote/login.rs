//! `login` and `logout` with a server that serves, through its sign-in page, with a password and with a browser.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use reqwest::{Client, StatusCode, Url, header, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::running::{Running, text};

const PASSWORD: &str = "correct horse ann";

/// A server that serves a user `ann`, and a folder for the configuration of whoever runs commands.
struct Site {
    url: String,
    place: TempDir,
    _serving: Child,
}

impl Site {
    async fn open() -> Self {
        let place = TempDir::new().unwrap();
        let mut serving = Command::new(env!("CARGO_BIN_EXE_labelcast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(place.path().join("data"))
            .env("LABELCAST_LOG", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
        let mut url = None;
        while let Some(line) = lines.next_line().await.unwrap() {
            url = url.or_else(|| {
                line.split_once("http://").map(|(_, rest)| format!("http://{}", rest.trim_end_matches("/web/")))
            });
            if line.contains("Ctrl-C") {
                break;
            }
        }
        let site = Self { url: url.unwrap(), place, _serving: serving };
        let added = site.run(&["users", "add", "ann"], PASSWORD).await;
        assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labelcast"));
        command.args(arguments).env_remove("LABELCAST_TOKEN").env("LABELCAST_URL", &self.url);
        command.env("XDG_CONFIG_HOME", self.place.path()).env("LABELCAST_DATA", self.place.path().join("data"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let mut child = self.command(arguments).spawn().unwrap();
        // What reads nothing may have ended before.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        child.wait_with_output().await.unwrap()
    }

    fn file(&self) -> PathBuf {
        self.place.path().join("labelcast/sign-ins.json")
    }

    /// What is kept for this server.
    fn kept(&self) -> Option<Value> {
        let contents: Value = serde_json::from_slice(&std::fs::read(self.file()).ok()?).unwrap();
        contents["servers"].get(&self.url).cloned()
    }

    /// Whether a refresh token is still good.
    async fn is_good(&self, kept: &Value) -> bool {
        let field = |name: &str| kept[name].as_str().unwrap().to_owned();
        let (client, token) = (field("client_id"), field("refresh_token"));
        let body = format!("grant_type=refresh_token&client_id={client}&refresh_token={token}");
        let post = Client::new().post(field("token_endpoint")).body(body);
        let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        post.send().await.unwrap().status() == StatusCode::OK
    }
}

#[tokio::test]
async fn a_password_sign_in_replaces_tokens_until_the_password_changes() {
    let site = Site::open().await;
    let before = site.run(&["search", ""], "").await;
    assert_eq!(before.status.code(), Some(2), "{}", text(&before.stderr));
    assert!(text(&before.stderr).contains("labelcast login"), "{}", text(&before.stderr));

    let wrong = site.run(&["login", "--user", "ann"], "wrong password").await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr).contains("wrong user name or password") && site.kept().is_none(),
        "{}",
        text(&wrong.stderr)
    );

    let login = site.run(&["login", "--user", "ann"], &format!("{PASSWORD}\n")).await;
    assert_eq!(login.status.code(), Some(0), "{}", text(&login.stderr));
    let printed = text(&login.stdout);
    assert!(printed.starts_with("signed in to http://") && printed.ends_with(" as ann\n"), "{printed}");
    let mode = std::fs::metadata(site.file()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!std::fs::read_to_string(site.file()).unwrap().contains(PASSWORD));
    let search = site.run(&["search", "", "--json"], "").await;
    assert_eq!(search.status.code(), Some(0), "{}", text(&search.stderr));

    let changed = site.run(&["users", "passwd", "ann"], "another password").await;
    assert_eq!(changed.status.code(), Some(0));
    // Within a second: the token ends, and with it what would renew it.
    let ended = loop {
        let output = site.run(&["search", ""], "").await;
        if output.status.code() != Some(0) {
            break output;
        }
    };
    assert!(text(&ended.stderr).contains("sign in again with `labelcast login`"), "{}", text(&ended.stderr));
    assert!(site.kept().is_none());
}

#[tokio::test]
async fn signing_in_by_browser_works_and_signing_out_revokes_the_stored_tokens() {
    let site = Site::open().await;
    let mut login = Running::start(site.command(&["login", "--no-browser"]));
    let reported = login.reports("http").await;
    let address: Url = reported[reported.find("http").unwrap()..].trim().parse().unwrap();
    let request = |name: &str| address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(request("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!((request("code_challenge").unwrap().len(), request("state").unwrap().len()), (43, 43));

    // What a browser does; strangers bring codes of their own meanwhile.
    let browser = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let callback = request("redirect_uri").unwrap();
    let foreign = browser.get(format!("{callback}?code=theirs&state=theirs")).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::BAD_REQUEST);
    let begun = browser.get(address.clone()).send().await.unwrap();
    let page = address.join(begun.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    let shown = browser.get(page.clone()).send().await.unwrap();
    let cookie = shown.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let form = cookie.split_once('=').unwrap().1;
    let body = format!("username=ann&password={}&form={form}", PASSWORD.replace(' ', "+"));
    let sent = browser.post(page).header(header::COOKIE, &cookie).body(body);
    let sent = sent.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let sent = sent.header(header::ORIGIN, &site.url).header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::FOUND, "{}", sent.text().await.unwrap());
    let back = sent.headers()[header::LOCATION].to_str().unwrap();
    assert!(back.starts_with(&callback), "{back}");
    let done = browser.get(back).send().await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    assert!(login.line().await.ends_with(" as ann"));
    assert!(login.child.wait().await.unwrap().success());

    let first = site.kept().unwrap();
    assert!(site.is_good(&first).await);
    // Signing in again replaces what was kept, and revokes it.
    assert_eq!(site.run(&["login", "--user", "ann"], PASSWORD).await.status.code(), Some(0));
    let second = site.kept().unwrap();
    assert!(!site.is_good(&first).await && site.is_good(&second).await);
    let out = site.run(&["logout"], "").await;
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(site.kept().is_none() && !site.is_good(&second).await);
    assert_eq!(site.run(&["logout"], "").await.status.code(), Some(1), "nobody is signed in any more");
    assert_eq!(site.run(&["search", ""], "").await.status.code(), Some(2));
}

#[tokio::test]
async fn a_server_without_sign_in_is_reported_as_such() {
    let server = crate::server::Server::start().await;
    let site = TempDir::new().unwrap();
    let mut login = server.labelcast(&["login", "--no-browser"]);
    let output = login.env("XDG_CONFIG_HOME", site.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("older version"), "{}", text(&output.stderr));
    *server.script.settings.lock().unwrap() = json!({"api": server.url, "live": "ws://127.0.0.1:1", "scope": "openid",
        "cli": {"client_id": "cli", "redirect_uris": ["http://localhost:8976/callback"]},
        "metadata": {"authorization_endpoint": "http://192.0.2.7/a", "token_endpoint": "http://192.0.2.7/t"}});
    let output = server.labelcast(&["login", "--no-browser"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("http://192.0.2.7/a is not encrypted"), "{}", text(&output.stderr));
}
