//! The sign-in over real sockets, with a clock that tests set.

mod flow;
mod guessing;
mod hostile;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use labelcast_functions::model::Caller;
use labelcast_functions::ports::{Clock, CurrentUntilExpiry};
use labelcast_functions::token::{TokenError, Verifier};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Place, SignIn, TokenIssuer};
use crate::data::{DataDirectory, Secrets};
use crate::database::Database;
use crate::server::{Server, Tls};
use crate::users::Users;
use labelcast_functions::system::SystemRandom;

const WEB_APP: &str = "https://labels.example.org/web/";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0123";

pub(super) struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A sign-in with the users `ada` (in `moderators`) and `bob`, whose passwords are `correct horse ada` and so on.
pub(super) struct Site {
    url: String,
    client: Client,
    client_id: String,
    clock: Arc<Hand>,
    users: Users,
    verifier: Verifier,
    _directory: TempDir,
    _serving: DropGuard,
}

impl Site {
    async fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(place.path()).unwrap();
        let database = Database::open(directory.path()).unwrap();
        let clock = Arc::new(Hand(Mutex::new("2026-11-21T12:00:00Z".parse().unwrap())));
        let random = Arc::new(SystemRandom);
        let users = Users::new(database.clone(), clock.clone(), random.clone());
        for (name, groups) in [("ada", vec!["moderators".to_owned()]), ("bob", vec![])] {
            let groups = BTreeSet::from_iter(groups);
            assert!(users.add(&name.parse().unwrap(), &groups, format!("correct horse {name}")).await.unwrap());
        }
        let secrets = Secrets::of(&directory, &SystemRandom).unwrap();
        let issuer = Arc::new(TokenIssuer::new(&secrets, random.clone()).unwrap());
        let verifier =
            Verifier::new(issuer.issuer(), issuer.audience(), Arc::new(issuer.jwks()), Arc::new(CurrentUntilExpiry));
        let public =
            Place { public_url: "https://labels.example.org".to_owned(), return_urls: vec![WEB_APP.to_owned()] };
        let app = SignIn::new(users.clone(), database, issuer, &secrets, clock.clone(), random, public).router();
        let server = Server::listen("127.0.0.1:0".parse().unwrap(), &Tls::BehindProxy).unwrap();
        let url = format!("http://{}", server.address().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(app, stop.clone()));
        Self {
            url,
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            client_id: secrets.client_id,
            clock,
            users,
            verifier,
            _directory: place,
            _serving: stop.drop_guard(),
        }
    }

    fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// What a good application asks for.
    fn request(&self) -> Vec<(&'static str, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
        vec![
            ("client_id", self.client_id.clone()),
            ("redirect_uri", WEB_APP.to_owned()),
            ("response_type", "code".to_owned()),
            ("scope", "openid email profile".to_owned()),
            ("state", "the&state=1 <\"'>".to_owned()),
            ("nonce", "n-1".to_owned()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    fn requested_with(&self, name: &str, value: &str) -> Vec<(&'static str, String)> {
        let mut request = self.request();
        request.iter_mut().find(|(key, _)| *key == name).unwrap().1 = value.to_owned();
        request
    }

    async fn get(&self, path: &str, query: &[(&str, String)], cookies: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).query(query).header("cookie", cookies).send().await.unwrap()
    }

    /// Sends the login form as a browser does that was shown it.
    async fn log_in(&self, user: &str, password: &str, from: &str) -> Response {
        self.log_in_with(user, password, &[("x-forwarded-for", from)]).await
    }

    /// The same, with more headers; `cookie` goes along with the form's own.
    async fn log_in_with(&self, user: &str, password: &str, headers: &[(&str, &str)]) -> Response {
        let shown = self.get("/login", &self.request(), "").await;
        let form = set_cookies(&shown).remove("__Host-labelcast_form").unwrap();
        let fields = [("username", user), ("password", password), ("form", &form)];
        let post = self.client.post(format!("{}/login", self.url)).query(&self.request());
        let more = headers.iter().filter(|(name, _)| *name == "cookie").map(|(_, value)| format!("; {value}"));
        let cookies = format!("__Host-labelcast_form={form}{}", more.collect::<String>());
        let others = headers.iter().filter(|(name, _)| *name != "cookie");
        let post = others.fold(post.header("cookie", cookies), |post, (name, value)| post.header(*name, *value));
        post.header("content-type", "application/x-www-form-urlencoded").body(encoded(&fields)).send().await.unwrap()
    }

    /// The code and the session of somebody who signed in.
    async fn signed_in(&self, user: &str) -> (String, String) {
        let response = self.log_in(user, &format!("correct horse {user}"), "192.0.2.1").await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let session = set_cookies(&response).remove("__Host-labelcast_session").unwrap();
        (returned(&response, "code").unwrap(), format!("__Host-labelcast_session={session}"))
    }

    async fn token(&self, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let post = self.client.post(format!("{}/oauth2/token", self.url));
        let post = post.header("content-type", "application/x-www-form-urlencoded").body(encoded(fields));
        let response = post.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        (response.status(), response.json().await.unwrap())
    }

    async fn exchange(&self, code: &str) -> (StatusCode, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("code", code),
            ("redirect_uri", WEB_APP),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    async fn refresh(&self, token: &Value) -> (StatusCode, Value) {
        let token = token.as_str().unwrap();
        self.token(&[("grant_type", "refresh_token"), ("client_id", &self.client_id), ("refresh_token", token)]).await
    }

    async fn caller(&self, token: &Value) -> Result<Caller, TokenError> {
        self.verifier.verify(token.as_str().unwrap(), self.clock.now()).await
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", super::authorize::encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

/// A parameter of the address that somebody is sent back to.
fn returned(response: &Response, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(location(response)).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn set_cookies(response: &Response) -> std::collections::HashMap<String, String> {
    let lines = response.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let pairs = lines.filter_map(|line| line.split(';').next()?.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The claims of a token whose signature is not looked at.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
