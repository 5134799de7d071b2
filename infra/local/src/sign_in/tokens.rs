//! Makes tokens with Cognito's claims.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use labelcast_functions::ports::Random;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::Secrets;
use crate::users::User;

/// How long ID and access tokens are good: Cognito's default.
pub(super) const LIFETIME: Duration = Duration::hours(1);

/// Under which version of the account a token was issued.
const VERSION_CLAIM: &str = "labelcast:version";

/// Signs tokens with the directory's key.
pub struct TokenIssuer {
    key: EncodingKey,
    public: Jwk,
    kid: String,
    issuer: String,
    client_id: String,
    cli_client_id: String,
    random: Arc<dyn Random>,
}

/// What a token is about, besides its user.
pub(super) struct TokenContext<'a> {
    pub(super) now: DateTime<Utc>,
    /// When the password was given.
    pub(super) signed_in_at: DateTime<Utc>,
    pub(super) nonce: Option<&'a str>,
    pub(super) scope: &'a str,
    /// To which application it is issued.
    pub(super) client: &'a str,
    /// The same for all that comes of one sign-in.
    pub(super) origin: &'a str,
    /// The same for what is issued together.
    pub(super) event: &'a str,
}

/// Whose access token it is.
#[derive(Deserialize)]
pub(super) struct Holder {
    sub: String,
    pub(super) username: String,
    token_use: String,
    exp: i64,
    #[serde(rename = "labelcast:version", default)]
    account_version: u64,
}

impl Holder {
    /// Whether it still speaks of this user as they are now.
    pub(super) fn is(&self, user: &User) -> bool {
        self.sub == user.sub.as_str() && self.account_version == user.version
    }
}

impl TokenIssuer {
    /// With the secrets of a directory.
    pub fn new(secrets: &Secrets, random: Arc<dyn Random>) -> Result<Self, String> {
        let key = EncodingKey::from_rsa_pem(secrets.signing_key.as_bytes()).map_err(|error| error.to_string())?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|error| error.to_string())?;
        // The key's own digest names it.
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        let client_id = secrets.client_id.clone();
        let cli_client_id = format!("{client_id}-cli");
        Ok(Self { key, public, kid, issuer: secrets.issuer.clone(), client_id, cli_client_id, random })
    }

    /// The keys that verify its tokens.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The web app's, as an application to sign in to: the `aud` of the ID tokens that it gets.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client id that the command line signs in with.
    pub fn cli_client_id(&self) -> &str {
        &self.cli_client_id
    }

    /// Whose ID tokens are accepted.
    pub fn audience(&self) -> [String; 2] {
        [self.client_id.clone(), self.cli_client_id.clone()]
    }

    /// An ID token, good for an hour.
    pub fn id_token(&self, user: &User, now: DateTime<Utc>) -> String {
        let (origin, event) = (self.random.id(), self.random.id());
        let context = TokenContext {
            now,
            signed_in_at: now,
            nonce: None,
            scope: "openid",
            client: &self.client_id,
            origin: &origin,
            event: &event,
        };
        self.id_token_for(user, &context)
    }

    pub(super) fn id_token_for(&self, user: &User, context: &TokenContext<'_>) -> String {
        let mut claims = self.claims(user, context);
        claims["aud"] = json!(context.client);
        claims["token_use"] = json!("id");
        claims["cognito:username"] = json!(user.name);
        if let Some(nonce) = context.nonce {
            claims["nonce"] = json!(nonce);
        }
        self.sign(&claims)
    }

    pub(super) fn access_token(&self, user: &User, context: &TokenContext<'_>) -> String {
        let mut claims = self.claims(user, context);
        claims["client_id"] = json!(context.client);
        claims["token_use"] = json!("access");
        claims["username"] = json!(user.name);
        claims["scope"] = json!(context.scope);
        claims["version"] = json!(2);
        self.sign(&claims)
    }

    /// Whose a good access token is.
    pub(super) fn verify_access(&self, token: &str, now: DateTime<Utc>) -> Option<Holder> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.validate_aud = false;
        // Expiry is compared with the injected clock.
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(&self.public).ok()?;
        let holder = jsonwebtoken::decode::<Holder>(token, &key, &validation).ok()?.claims;
        (holder.token_use == "access" && holder.exp > now.timestamp()).then_some(holder)
    }

    fn claims(&self, user: &User, context: &TokenContext<'_>) -> Value {
        let mut claims = json!({
            "sub": user.sub,
            "iss": self.issuer,
            "iat": context.now.timestamp(),
            "exp": (context.now + LIFETIME).timestamp(),
            "auth_time": context.signed_in_at.timestamp(),
            "jti": self.random.id(),
            "origin_jti": context.origin,
            "event_id": context.event,
        });
        // Cognito has no such claim, and neither has a token of an account that never changed.
        if user.version > 0 {
            claims[VERSION_CLAIM] = json!(user.version);
        }
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
