use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384};
use aws_lc_rs::{hmac, signature::RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use chrono::Duration;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use super::*;
use crate::ports::{CurrentUntilExpiry, PortError, PortResult};
use crate::token::KeySourceError;

const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";

/// A key pair of an issuer.
struct Signer {
    key_id: &'static str,
    pair: KeyPair,
}

impl Signer {
    fn new(key_id: &'static str) -> Self {
        Self { key_id, pair: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id,
            "n": BASE64URL.encode(public.modulus().big_endian_without_leading_zero()),
            "e": BASE64URL.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": "RS256", "kid": self.key_id}), claims, &RSA_PKCS1_SHA256)
    }

    fn token_with(&self, header: &Value, claims: &Value, encoding: &'static dyn RsaEncoding) -> String {
        let text = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", BASE64URL.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()))
}

fn set(signers: &[&Signer]) -> JwkSet {
    serde_json::from_value(json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_224_600, 0).unwrap()
}

fn claims() -> Value {
    json!({
        "sub": "3f1c", "iss": ISSUER, "aud": "web", "token_use": "id", "exp": now().timestamp() + 3600,
        "cognito:username": "ada", "cognito:groups": ["moderators"],
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn verifier(keys: impl KeySource + 'static) -> Verifier {
    Verifier::new(ISSUER, ["web".to_owned(), "cli".to_owned()], Arc::new(keys), Arc::new(CurrentUntilExpiry))
}

/// Counts how often it is called.
struct Counted {
    keys: Mutex<Result<JwkSet, KeySourceError>>,
    request: AtomicUsize,
}

impl Counted {
    fn new(keys: Result<JwkSet, KeySourceError>) -> Arc<Self> {
        Arc::new(Self { keys: Mutex::new(keys), request: AtomicUsize::new(0) })
    }

    fn request(&self) -> usize {
        self.request.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl KeySource for Arc<Counted> {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        self.request.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_valid_token_identifies_the_caller() {
    let signer = Signer::new("a");
    let verifier = verifier(set(&[&signer]));
    let caller = Caller {
        user: "3f1c".parse().unwrap(),
        username: "ada".into(),
        groups: ["moderators".to_owned()].into(),
        expires_at: now() + Duration::hours(1),
        account_version: 0,
    };
    assert_eq!(verifier.verify(&signer.token(&claims()), now()).await, Ok(caller.clone()));
    let without_groups = verifier.verify(&signer.token(&claims_without("cognito:groups")), now()).await;
    assert_eq!(without_groups, Ok(Caller { groups: BTreeSet::new(), ..caller.clone() }));
    let other_client = verifier.verify(&signer.token(&claims_with("aud", json!("cli"))), now()).await;
    assert_eq!(other_client, Ok(caller));
}

#[tokio::test]
async fn a_token_with_a_wrong_claim_is_refused() {
    let signer = Signer::new("a");
    let verifier = verifier(set(&[&signer]));
    for (claims, expected) in [
        (claims_with("iss", json!(format!("{ISSUER}/"))), TokenError::WrongIssuer),
        (claims_with("iss", json!([ISSUER])), TokenError::Malformed),
        (claims_with("aud", json!("another")), TokenError::WrongAudience),
        (claims_with("aud", json!(["web", "another"])), TokenError::Malformed),
        (claims_without("aud"), TokenError::WrongAudience),
        (claims_with("token_use", json!("access")), TokenError::WrongUse),
        (claims_without("token_use"), TokenError::Malformed),
        (claims_with("exp", json!(now().timestamp())), TokenError::Expired),
        (claims_with("exp", json!("tomorrow")), TokenError::Malformed),
        (claims_without("exp"), TokenError::Malformed),
        (claims_with("sub", json!("")), TokenError::Malformed),
        (claims_with("sub", json!("a b")), TokenError::Malformed),
        (claims_without("sub"), TokenError::Malformed),
        (claims_without("cognito:username"), TokenError::Malformed),
        (claims_with("cognito:groups", json!("moderators")), TokenError::Malformed),
        (json!([]), TokenError::Malformed),
    ] {
        assert_eq!(verifier.verify(&signer.token(&claims), now()).await, Err(expected), "{claims}");
    }
}

#[tokio::test]
async fn an_access_token_is_refused_as_such() {
    let signer = Signer::new("a");
    let access = json!({
        "sub": "3f1c", "iss": ISSUER, "client_id": "web", "token_use": "access", "exp": now().timestamp() + 3600,
        "username": "ada",
    });
    let response = verifier(set(&[&signer])).verify(&signer.token(&access), now()).await;
    assert_eq!(response, Err(TokenError::WrongUse));
}

#[tokio::test]
async fn expiry_has_no_leeway() {
    let signer = Signer::new("a");
    let verifier = verifier(set(&[&signer]));
    let token = signer.token(&claims());
    let end = now() + Duration::hours(1);
    assert!(verifier.verify(&token, end - Duration::milliseconds(1)).await.is_ok());
    assert_eq!(verifier.verify(&token, end).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let (signer, forger) = (Signer::new("a"), Signer::new("a"));
    let verifier = verifier(set(&[&signer]));
    assert_eq!(verifier.verify(&forger.token(&claims()), now()).await, Err(TokenError::BadSignature));

    let token = signer.token(&claims());
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let more = BASE64URL.encode(claims_with("sub", json!("another")).to_string());
    let changed = format!("{header}.{more}.{signature}");
    assert_eq!(verifier.verify(&changed, now()).await, Err(TokenError::BadSignature));
    // What a forger learns: nothing but that the signature is wrong, however wrong the claims are.
    let expired = forger.token(&claims_with("exp", json!(1)));
    assert_eq!(verifier.verify(&expired, now()).await, Err(TokenError::BadSignature));
}

#[tokio::test]
async fn no_other_algorithm_is_accepted() {
    let signer = Signer::new("a");
    let verifier = verifier(set(&[&signer]));
    for alg in ["none", "None", ""] {
        let text = unsigned(&json!({"alg": alg, "kid": "a"}), &claims());
        for token in [format!("{text}."), text] {
            assert_eq!(verifier.verify(&token, now()).await, Err(TokenError::Malformed), "{token}");
        }
    }
    // The public key taken as the secret of an HMAC.
    let text = unsigned(&json!({"alg": "HS256", "kid": "a"}), &claims());
    let public = signer.pair.public_key();
    for secret in [public.as_ref().to_vec(), signer.jwk()["n"].as_str().unwrap().into()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
        let token = format!("{text}.{}", BASE64URL.encode(tag));
        assert_eq!(verifier.verify(&token, now()).await, Err(TokenError::WrongAlgorithm));
    }
    let header = json!({"alg": "RS384", "kid": "a"});
    let token = signer.token_with(&header, &claims(), &RSA_PKCS1_SHA384);
    assert_eq!(verifier.verify(&token, now()).await, Err(TokenError::WrongAlgorithm));
}

#[tokio::test]
async fn a_key_embedded_in_the_token_is_ignored() {
    let (signer, forger) = (Signer::new("a"), Signer::new("b"));
    let verifier = verifier(set(&[&signer]));
    for key_id in ["a", "b"] {
        let header = json!({"alg": "RS256", "kid": key_id, "jwk": forger.jwk(), "jku": "https://example.org/jwks"});
        let token = forger.token_with(&header, &claims(), &RSA_PKCS1_SHA256);
        assert!(verifier.verify(&token, now()).await.is_err(), "{key_id}");
    }
}

#[tokio::test]
async fn malformed_tokens_are_refused_and_never_echoed() {
    let signer = Signer::new("a");
    let verifier = verifier(set(&[&signer]));
    assert_eq!(verifier.verify("", now()).await, Err(TokenError::Missing));
    let without_key = signer.token_with(&json!({"alg": "RS256"}), &claims(), &RSA_PKCS1_SHA256);
    let critical = json!({"alg": "RS256", "kid": "a", "crit": ["b64"], "b64": false});
    let critical = signer.token_with(&critical, &claims(), &RSA_PKCS1_SHA256);
    let long = signer.token(&claims_with("padding", json!("x".repeat(MAX_TOKEN))));
    for token in ["secret", "secret.secret", "a.b.c.d", "é.é.é", "..", &without_key, &critical, &long] {
        let error = verifier.verify(token, now()).await.unwrap_err();
        assert_eq!(error, TokenError::Malformed);
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn an_unknown_key_id_triggers_a_key_fetch_at_most_once_a_minute() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let source = Counted::new(Ok(set(&[&old])));
    let verifier = verifier(Arc::clone(&source));
    assert_eq!(source.request(), 0, "not before there is a token");
    for _ in 0..3 {
        assert!(verifier.verify(&old.token(&claims()), now()).await.is_ok());
    }
    assert_eq!(source.request(), 1);

    *source.keys.lock().unwrap() = Ok(set(&[&old, &new]));
    for _ in 0..3 {
        let soon = now() + Duration::seconds(59);
        assert_eq!(verifier.verify(&new.token(&claims()), soon).await, Err(TokenError::UnknownKey));
    }
    assert_eq!(source.request(), 1);
    assert!(verifier.verify(&new.token(&claims()), now() + Duration::seconds(60)).await.is_ok());
    assert!(verifier.verify(&old.token(&claims()), now() + Duration::seconds(60)).await.is_ok());
    assert_eq!(source.request(), 2);
}

#[tokio::test]
async fn concurrent_requests_share_one_key_fetch() {
    let signer = Signer::new("a");
    let source = Counted::new(Ok(set(&[&signer])));
    let verifier = verifier(Arc::clone(&source));
    let token = signer.token(&claims());
    let responses = futures_util::future::join_all((0..20).map(|_| verifier.verify(&token, now()))).await;
    assert!(responses.iter().all(Result::is_ok));
    assert_eq!(source.request(), 1);
}

#[tokio::test]
async fn a_failed_key_fetch_is_retried_soon_and_known_keys_are_kept() {
    let (signer, other) = (Signer::new("a"), Signer::new("b"));
    let source = Counted::new(Err(KeySourceError("no route".into())));
    let verifier = verifier(Arc::clone(&source));
    let token = signer.token(&claims());
    for _ in 0..3 {
        let response = verifier.verify(&token, now()).await;
        assert_eq!(response, Err(TokenError::KeysUnavailable));
        assert!(response.unwrap_err().is_temporary());
    }
    assert_eq!(source.request(), 1);

    *source.keys.lock().unwrap() = Ok(set(&[&signer]));
    assert!(verifier.verify(&token, now() + Duration::seconds(5)).await.is_ok());
    *source.keys.lock().unwrap() = Ok(set(&[]));
    let unusable = verifier.verify(&other.token(&claims()), now() + Duration::minutes(5)).await;
    assert_eq!(unusable, Err(TokenError::KeysUnavailable), "an issuer without a key is one that does not work");
    *source.keys.lock().unwrap() = Err(KeySourceError("no route".into()));
    let later = now() + Duration::minutes(10);
    assert_eq!(verifier.verify(&other.token(&claims()), later).await, Err(TokenError::KeysUnavailable));
    assert!(verifier.verify(&token, later).await.is_ok());
}

#[tokio::test]
async fn keys_for_other_purposes_are_ignored() {
    let signer = Signer::new("a");
    for (name, value) in [("use", "enc"), ("alg", "RS512"), ("kid", "b")] {
        let mut jwk = signer.jwk();
        jwk[name] = json!(value);
        let keys: JwkSet = serde_json::from_value(json!({"keys": [jwk]})).unwrap();
        assert!(verifier(keys).verify(&signer.token(&claims()), now()).await.is_err(), "{name}");
    }
}

/// Users of whom one has changed; or that cannot be looked up.
struct Changed(Mutex<Result<u64, ()>>);

#[async_trait]
impl Accounts for Changed {
    async fn is_current(&self, caller: &Caller) -> PortResult<bool> {
        let unavailable = |()| PortError::Unavailable { what: "the users", why: "a test says so".to_owned() };
        self.0.lock().unwrap().map(|version| caller.account_version == version).map_err(unavailable)
    }
}

#[tokio::test]
async fn a_token_ends_with_its_account() {
    let signer = Signer::new("a");
    let accounts = Arc::new(Changed(Mutex::new(Ok(0))));
    let verifier = Verifier::new(ISSUER, ["web".to_owned()], Arc::new(set(&[&signer])), accounts.clone());
    let (before, after) = (signer.token(&claims()), signer.token(&claims_with("labelcast:version", json!(1))));
    assert_eq!(verifier.verify(&before, now()).await.unwrap().account_version, 0);
    *accounts.0.lock().unwrap() = Ok(1);
    assert_eq!(verifier.verify(&before, now()).await, Err(TokenError::Revoked));
    assert_eq!(verifier.verify(&after, now()).await.unwrap().account_version, 1);
    *accounts.0.lock().unwrap() = Err(());
    let unknown = verifier.verify(&after, now()).await.unwrap_err();
    assert!(unknown.is_temporary(), "{unknown}");
}
