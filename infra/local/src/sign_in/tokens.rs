//! Makes tokens with Cognito's claims.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use labelcast_functions::ports::Random;
use serde_json::{Value, json};

use crate::data::Secrets;
use crate::users::User;

/// How long ID and access tokens are good: Cognito's default.
pub(super) const LIFETIME: Duration = Duration::hours(1);

/// Signs tokens with the directory's key.
pub struct TokenIssuer {
    key: EncodingKey,
    public: Jwk,
    kid: String,
    issuer: String,
    client_id: String,
    random: Arc<dyn Random>,
}

/// What a token is about, besides its user.
pub(super) struct Occasion<'a> {
    pub(super) now: DateTime<Utc>,
    /// When the password was given.
    pub(super) signed_in_at: DateTime<Utc>,
    pub(super) nonce: Option<&'a str>,
    pub(super) scope: &'a str,
}

impl TokenIssuer {
    /// With the secrets of a directory.
    pub fn new(secrets: &Secrets, random: Arc<dyn Random>) -> Result<Self, String> {
        let key = EncodingKey::from_rsa_pem(secrets.signing_key.as_bytes()).map_err(|error| error.to_string())?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|error| error.to_string())?;
        // RFC 7638: the key's own digest names it.
        let print = serde_json::to_string(&public.algorithm).map_err(|error| error.to_string())?;
        let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, print.as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(&print.as_ref()[..16]);
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self { key, public, kid, issuer: secrets.issuer.clone(), client_id: secrets.client_id.clone(), random })
    }

    /// The keys that verify its tokens.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `aud` of its ID tokens.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// An ID token, good for an hour.
    pub fn id_token(&self, user: &User, now: DateTime<Utc>) -> String {
        self.id_token_for(user, &Occasion { now, signed_in_at: now, nonce: None, scope: "openid" })
    }

    pub(super) fn id_token_for(&self, user: &User, occasion: &Occasion<'_>) -> String {
        let mut claims = self.claims(user, occasion);
        claims["aud"] = json!(self.client_id);
        claims["token_use"] = json!("id");
        claims["cognito:username"] = json!(user.name);
        if let Some(nonce) = occasion.nonce {
            claims["nonce"] = json!(nonce);
        }
        self.sign(&claims)
    }

    pub(super) fn access_token(&self, user: &User, occasion: &Occasion<'_>) -> String {
        let mut claims = self.claims(user, occasion);
        claims["client_id"] = json!(self.client_id);
        claims["token_use"] = json!("access");
        claims["username"] = json!(user.name);
        claims["scope"] = json!(occasion.scope);
        claims["version"] = json!(2);
        self.sign(&claims)
    }

    /// The username in a good access token.
    pub(super) fn verify_access(&self, token: &str, now: DateTime<Utc>) -> Option<String> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.validate_aud = false;
        // Expiry is compared with the injected clock.
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(&self.public).ok()?;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?.claims;
        let good = claims["token_use"] == "access" && claims["exp"].as_i64()? > now.timestamp();
        good.then(|| claims["username"].as_str().map(str::to_owned)).flatten()
    }

    fn claims(&self, user: &User, occasion: &Occasion<'_>) -> Value {
        let mut claims = json!({
            "sub": user.sub,
            "iss": self.issuer,
            "iat": occasion.now.timestamp(),
            "exp": (occasion.now + LIFETIME).timestamp(),
            "auth_time": occasion.signed_in_at.timestamp(),
            "jti": self.random.id(),
            "origin_jti": self.random.id(),
            "event_id": self.random.id(),
        });
        // Absent, not empty, for a user without groups.
        if !user.groups.is_empty() {
            claims["cognito:groups"] = json!(user.groups);
        }
        claims
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("a key that was read can sign")
    }
}
