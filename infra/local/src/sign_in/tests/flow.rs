//! From the first address to tokens and out again.

use std::collections::BTreeSet;

use chrono::Duration;
use labelcast_functions::token::TokenError;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Site, WEB_APP, claims, location, returned, set_cookies};

#[tokio::test]
async fn a_browser_signs_in_and_returns_with_a_code_for_tokens() {
    let site = Site::open().await;
    let begun = site.get("/oauth2/authorize", &site.request(), "").await;
    assert_eq!(begun.status(), StatusCode::FOUND);
    assert!(location(&begun).starts_with("/login?client_id="));
    let shown = site.get(location(&begun), &[], "").await;
    assert_eq!(shown.status(), StatusCode::OK);

    let response = site.log_in("ada", "correct horse ada", "192.0.2.1").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(location(&response).starts_with(&format!("{WEB_APP}?code=")));
    assert_eq!(returned(&response, "state").unwrap(), "the&state=1 <\"'>");
    for line in response.headers().get_all("set-cookie") {
        let line = line.to_str().unwrap();
        assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax") && line.contains("Secure"), "{line}");
    }

    let (status, tokens) = site.exchange(&returned(&response, "code").unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let caller = site.caller(&tokens["id_token"]).await.unwrap();
    assert_eq!(caller.username, "ada");
    assert!(caller.is_moderator());
    assert_eq!(site.caller(&tokens["access_token"]).await, Err(TokenError::WrongUse));
}

#[tokio::test]
async fn tokens_carry_the_claims_of_cognito() {
    let site = Site::open().await;
    let tokens = site.exchange(&site.signed_in("ada").await.0).await.1;
    let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
    let names = |claims: &Value| claims.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let both =
        ["auth_time", "cognito:groups", "event_id", "exp", "iat", "iss", "jti", "origin_jti", "sub", "token_use"];
    let with = |more: &[&str]| {
        let mut all: Vec<_> = both.iter().chain(more).map(|name| (*name).to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(names(&id), with(&["aud", "cognito:username", "nonce"]));
    assert_eq!(names(&access), with(&["client_id", "scope", "username", "version"]));
    assert_eq!((&id["nonce"], &access["scope"]), (&json!("n-1"), &json!("openid email profile")));
    for same in ["sub", "iss", "exp", "auth_time", "origin_jti", "event_id"] {
        assert_eq!(id[same], access[same], "{same}");
    }
    assert_ne!(id["jti"], access["jti"]);

    let tokens = site.exchange(&site.signed_in("bob").await.0).await.1;
    assert_eq!(claims(&tokens["id_token"]).get("cognito:groups"), None, "absent for a user in no group");
}

#[tokio::test]
async fn a_session_signs_in_silently_for_an_hour_or_until_logout() {
    let site = Site::open().await;
    let (_, session) = site.signed_in("ada").await;
    site.pass(Duration::minutes(59));
    let again = site.get("/oauth2/authorize", &site.request(), &session).await;
    let tokens = site.exchange(&returned(&again, "code").unwrap()).await.1;
    let token = claims(&tokens["id_token"]);
    assert_eq!(token["iat"].as_i64().unwrap() - token["auth_time"].as_i64().unwrap(), 59 * 60);
    site.pass(Duration::minutes(2));
    assert!(location(&site.get("/oauth2/authorize", &site.request(), &session).await).starts_with("/login?"));

    let (_, session) = site.signed_in("ada").await;
    let leaving = [("client_id", site.client_id.clone()), ("logout_uri", WEB_APP.to_owned())];
    let left = site.get("/logout", &leaving, &session).await;
    assert_eq!((left.status(), location(&left)), (StatusCode::FOUND, WEB_APP));
    assert_eq!(set_cookies(&left)["__Host-labelcast_session"], "");
    assert!(location(&site.get("/oauth2/authorize", &site.request(), &session).await).starts_with("/login?"));
}

#[tokio::test]
async fn logging_out_can_redirect_to_signing_in() {
    let site = Site::open().await;
    let left = site.get("/logout", &site.request(), "").await;
    assert!(location(&left).starts_with("/login?client_id="));
}

#[tokio::test]
async fn a_refresh_token_issues_new_tokens_of_the_same_sign_in_for_thirty_days() {
    let site = Site::open().await;
    let first = site.exchange(&site.signed_in("ada").await.0).await.1;
    site.pass(Duration::days(29));
    assert_eq!(site.caller(&first["id_token"]).await, Err(TokenError::Expired));
    let (status, second) = site.refresh(&first["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(second.get("refresh_token"), None, "as Cognito without rotation");
    assert_eq!(site.caller(&second["id_token"]).await.unwrap().username, "ada");
    let (before, after) = (claims(&first["id_token"]), claims(&second["id_token"]));
    assert_eq!((&before["origin_jti"], &before["auth_time"]), (&after["origin_jti"], &after["auth_time"]));
    site.pass(Duration::days(2));
    assert_eq!(site.refresh(&first["refresh_token"]).await.1, json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn a_sign_in_ends_with_revocation_a_new_password_or_removal_of_the_user() {
    let site = Site::open().await;
    let signed_in = async || site.exchange(&site.signed_in("ada").await.0).await.1["refresh_token"].clone();
    let ada = "ada".parse().unwrap();

    let token = signed_in().await;
    let fields = [("client_id", site.client_id.as_str()), ("token", token.as_str().unwrap())];
    let post = site.client.post(format!("{}/oauth2/revoke", site.url));
    let post = post.header("content-type", "application/x-www-form-urlencoded").body(super::encoded(&fields));
    assert_eq!(post.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(site.refresh(&token).await.1["error"], "invalid_grant");

    let token = signed_in().await;
    assert!(site.users.set_password(&ada, "correct horse ada".to_owned()).await.unwrap());
    assert_eq!(site.refresh(&token).await.1["error"], "invalid_grant");

    let token = signed_in().await;
    assert!(site.users.remove(&ada).await.unwrap());
    assert_eq!(site.refresh(&token).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn user_info_requires_an_access_token_of_an_existing_user() {
    let site = Site::open().await;
    let tokens = site.exchange(&site.signed_in("ada").await.0).await.1;
    let ask = async |token: &Value| {
        let get = site.client.get(format!("{}/oauth2/userInfo", site.url)).bearer_auth(token.as_str().unwrap());
        let response = get.send().await.unwrap();
        (
            response.status(),
            response.headers().contains_key("www-authenticate"),
            response.json::<Value>().await.unwrap(),
        )
    };
    let sub = claims(&tokens["access_token"])["sub"].clone();
    let reported = (StatusCode::OK, false, json!({"sub": sub, "username": "ada"}));
    assert_eq!(ask(&tokens["access_token"]).await, reported);
    let refused = (StatusCode::UNAUTHORIZED, true, json!({"error": "invalid_token"}));
    assert_eq!(ask(&tokens["id_token"]).await, refused);
    assert_eq!(ask(&json!("x.y.z")).await, refused);
    let ada = "ada".parse().unwrap();
    assert!(site.users.remove(&ada).await.unwrap());
    assert!(site.users.add(&ada, &BTreeSet::default(), "another person".to_owned()).await.unwrap());
    assert_eq!(ask(&tokens["access_token"]).await, refused, "the name belongs to somebody else now");
    assert_eq!(ask(&json!("")).await, refused);
}

#[tokio::test]
async fn discovery_uses_the_public_url_for_endpoints_and_the_thumbprint_for_the_key() {
    let site = Site::open().await;
    let found: Value = site.get("/.well-known/openid-configuration", &[], "").await.json().await.unwrap();
    assert_eq!(found["token_endpoint"], "https://labels.example.org/oauth2/token");
    let keys: Value = site.get("/.well-known/jwks.json", &[], "").await.json().await.unwrap();
    let token = site.exchange(&site.signed_in("ada").await.0).await.1["id_token"].clone();
    let header = jsonwebtoken::decode_header(token.as_str().unwrap()).unwrap();
    assert_eq!(keys["keys"][0]["kid"], json!(header.kid));
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("RSA"), &json!("RS256")));
    assert_eq!(keys["keys"][0].get("d"), None, "the private part stays here");
}

#[tokio::test]
async fn signing_out_in_the_browser_ends_only_the_web_apps_tokens() {
    let site = Site::open().await;
    let (code, session) = site.signed_in("ada").await;
    let web = site.exchange(&code).await.1["refresh_token"].clone();
    let other = site.exchange(&site.signed_in("ada").await.0).await.1["refresh_token"].clone();
    let leaving = [("client_id", site.client_id.clone()), ("logout_uri", WEB_APP.to_owned())];
    site.get("/logout", &leaving, &session).await;
    assert_eq!(site.refresh(&web).await.1["error"], "invalid_grant");
    assert_eq!(site.refresh(&other).await.0, StatusCode::OK, "another browser stays signed in");
}

#[tokio::test]
async fn a_changed_account_ends_sessions_codes_and_access_tokens() {
    let site = Site::open().await;
    let ada = "ada".parse().unwrap();
    for change in 0..2 {
        let (unused, session) = site.signed_in("ada").await;
        let tokens = site.exchange(&site.signed_in("ada").await.0).await.1;
        match change {
            0 => assert!(site.users.set_password(&ada, "correct horse ada".to_owned()).await.unwrap()),
            _ => assert!(site.users.set_groups(&ada, &BTreeSet::new()).await.unwrap()),
        }
        assert_eq!(site.exchange(&unused).await.1["error"], "invalid_grant");
        assert_eq!(site.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
        assert!(location(&site.get("/oauth2/authorize", &site.request(), &session).await).starts_with("/login?"));
        let info = site.client.get(format!("{}/oauth2/userInfo", site.url));
        let info = info.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(info.status(), StatusCode::UNAUTHORIZED);
    }
}
