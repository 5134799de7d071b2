//! What applications and strangers may not do.

use chrono::Duration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Site, VERIFIER, WEB_APP, location, returned, set_cookies};

#[tokio::test]
async fn nobody_is_redirected_to_an_unregistered_address() {
    let site = Site::open().await;
    let session = site.signed_in("ada").await.1;
    for address in [
        "https://evil.example/",
        "https://labels.example.org/web",
        "https://labels.example.org/web/../evil",
        "https://labels.example.org/web/?x=1",
        "https://labels.example.org.evil.example/web/",
        "//evil.example/web/",
        "javascript:alert(1)",
        "https://labels.example.org/web/\r\nset-cookie: a=b",
        "",
    ] {
        for path in ["/oauth2/authorize", "/login", "/logout"] {
            let response = site.get(path, &site.requested_with("redirect_uri", address), &session).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path} {address}");
            assert!(!response.headers().contains_key("location"), "{path} {address}");
        }
        let leaving = [("client_id", site.client_id.clone()), ("logout_uri", address.to_owned())];
        let response = site.get("/logout", &leaving, "").await;
        assert!(!response.headers().contains_key("location"), "{address}");
    }
    let stranger = site.get("/oauth2/authorize", &site.requested_with("client_id", "x"), &session).await;
    assert_eq!(stranger.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_registered_application_gets_the_error_and_its_state() {
    let site = Site::open().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("scope", "openid everything", "invalid_scope"),
    ] {
        let response = site.get("/oauth2/authorize", &site.requested_with(name, value), "").await;
        assert!(location(&response).starts_with(WEB_APP), "{name}");
        assert_eq!(returned(&response, "error").as_deref(), Some(error), "{name}");
        assert_eq!(returned(&response, "state").as_deref(), Some("the&state=1 <\"'>"), "{name}");
    }
}

#[tokio::test]
async fn input_can_inject_neither_headers_nor_html() {
    let site = Site::open().await;
    let hostile = "x\r\nset-cookie: a=b\r\n\r\n\"><script>alert(1)</script>";
    let shown = site.get("/login", &site.requested_with("state", hostile), "").await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert_eq!(set_cookies(&shown).len(), 1);
    assert!(!shown.text().await.unwrap().contains("<script"));
    let response = site.log_in("\"><script>alert(1)</script>", "wrong password", "192.0.2.1").await;
    let page = response.text().await.unwrap();
    assert!(page.contains("&quot;&gt;&lt;script&gt;") && !page.contains("<script"));
    let session = site.signed_in("ada").await.1;
    let back = site.get("/oauth2/authorize", &site.requested_with("state", hostile), &session).await;
    assert_eq!(returned(&back, "state").as_deref(), Some(hostile));
    assert!(set_cookies(&back).is_empty());
}

#[tokio::test]
async fn pages_forbid_scripts_framing_and_caching() {
    let site = Site::open().await;
    let refused = site.get("/login", &[], "").await;
    for response in [site.get("/login", &site.request(), "").await, refused] {
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert_eq!((header("cache-control"), header("x-content-type-options")), ("no-store".into(), "nosniff".into()));
    }
}

#[tokio::test]
async fn a_form_not_shown_to_this_browser_signs_nobody_in() {
    let site = Site::open().await;
    let shown = site.get("/login", &site.request(), "").await;
    let form = set_cookies(&shown).remove("__Host-labelcast_form").unwrap();
    let send = async |cookie: &str, form: &str| {
        let fields = [("username", "ada"), ("password", "correct horse ada"), ("form", form)];
        let post = site.client.post(format!("{}/login", site.url)).query(&site.request()).header("cookie", cookie);
        let post = post.header("content-type", "application/x-www-form-urlencoded").body(super::encoded(&fields));
        post.send().await.unwrap()
    };
    for (cookie, sent) in
        [("", form.as_str()), ("", ""), ("__Host-labelcast_form=", ""), ("__Host-labelcast_form=x", "x")]
    {
        let response = send(cookie, sent).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{cookie} {sent}");
        assert!(!set_cookies(&response).contains_key("__Host-labelcast_session"));
    }
    assert_eq!(
        send(&format!("__Host-labelcast_form={form}"), "0".repeat(32).as_str()).await.status(),
        StatusCode::FORBIDDEN
    );
    // A second tab shows the same form, so neither outdates the other.
    let second = site.get("/login", &site.request(), &format!("__Host-labelcast_form={form}")).await;
    assert_eq!(set_cookies(&second)["__Host-labelcast_form"], form);
    assert_eq!(send(&format!("__Host-labelcast_form={form}"), &form).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_code_works_once_and_reusing_it_revokes_its_tokens() {
    let site = Site::open().await;
    let other = site.exchange(&site.signed_in("ada").await.0).await.1;
    let code = site.signed_in("ada").await.0;
    let tokens = site.exchange(&code).await.1;
    assert_eq!(site.refresh(&tokens["refresh_token"]).await.0, StatusCode::OK);
    assert_eq!(site.exchange(&code).await, (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"})));
    assert_eq!(site.refresh(&tokens["refresh_token"]).await.1["error"], "invalid_grant");
    assert_eq!(site.refresh(&other["refresh_token"]).await.0, StatusCode::OK, "other sign-ins go on");
}

#[tokio::test]
async fn a_code_is_valid_for_five_minutes_and_only_for_its_requester() {
    let site = Site::open().await;
    let late = site.signed_in("ada").await.0;
    site.pass(Duration::minutes(5) + Duration::milliseconds(1));
    assert_eq!(site.exchange(&late).await.1["error"], "invalid_grant");
    let id = site.client_id.clone();
    let try_with = async |client: &str, address: &str, verifier: &str| -> Value {
        let code = site.signed_in("ada").await.0;
        let kind = ("grant_type", "authorization_code");
        let rest = [("code", code.as_str()), ("redirect_uri", address), ("code_verifier", verifier)];
        let (status, response) = site.token(&[kind, ("client_id", client), rest[0], rest[1], rest[2]]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        response["error"].clone()
    };
    assert_eq!(try_with("x", WEB_APP, VERIFIER).await, "invalid_client");
    assert_eq!(try_with(&id, "https://evil.example/", VERIFIER).await, "invalid_grant");
    assert_eq!(try_with(&id, WEB_APP, &VERIFIER.replace('a', "b")).await, "invalid_grant");
    assert_eq!(try_with(&id, WEB_APP, "").await, "invalid_grant");
}

#[tokio::test]
async fn malformed_token_requests_get_a_json_error() {
    let site = Site::open().await;
    let (status, response) = site.token(&[("client_id", &site.client_id), ("grant_type", "password")]).await;
    assert_eq!((status, response), (StatusCode::BAD_REQUEST, json!({"error": "unsupported_grant_type"})));
    let post = site.client.post(format!("{}/oauth2/token", site.url)).json(&json!({"grant_type": "x"}));
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"error": "invalid_request"}));
    // A session is no refresh token, nor a code.
    let session = site.signed_in("ada").await.1.split_once('=').unwrap().1.to_owned();
    assert_eq!(site.refresh(&json!(session)).await.1["error"], "invalid_grant");
    assert_eq!(site.exchange(&session).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_form_submitted_by_another_site_signs_nobody_in() {
    let site = Site::open().await;
    for foreign in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://other.example.org")],
    ] {
        let response = site.log_in_with("ada", "correct horse ada", foreign).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{foreign:?}");
        assert!(!set_cookies(&response).contains_key("__Host-labelcast_session"), "{foreign:?}");
    }
    let ours = [("origin", "https://labels.example.org"), ("sec-fetch-site", "same-origin")];
    assert_eq!(site.log_in_with("ada", "correct horse ada", &ours).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_grant_is_valid_only_for_its_own_application() {
    let site = Site::open().await;
    let refresh_token = site.exchange(&site.signed_in("ada").await.0).await.1["refresh_token"].clone();
    let cli = format!("{}-cli", site.client_id);
    let token = refresh_token.as_str().unwrap();
    let other = site.token(&[("grant_type", "refresh_token"), ("client_id", &cli), ("refresh_token", token)]).await;
    assert_eq!(other, (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"})));
    assert_eq!(site.refresh(&refresh_token).await.0, StatusCode::OK);
    // The command line is sent back to this machine, and the web app is not.
    let loopback = "http://localhost:8976/callback";
    let session = site.signed_in("ada").await.1;
    let refused = site.get("/oauth2/authorize", &site.requested_with("redirect_uri", loopback), &session).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let mut request = site.requested_with("redirect_uri", loopback);
    request.iter_mut().find(|(name, _)| *name == "client_id").unwrap().1 = cli;
    let back = site.get("/oauth2/authorize", &request, &session).await;
    assert!(location(&back).starts_with(&format!("{loopback}?code=")), "{}", location(&back));
    let page = site.get("/login", &request, "").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' http://localhost:8976;"), "{policy}");
}
