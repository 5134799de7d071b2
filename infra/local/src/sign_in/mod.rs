//! Sign-in on one machine, with Cognito's endpoints and claims: code + PKCE, a login page, tokens.

mod authorize;
mod discovery;
mod grants;
mod login;
mod logout;
mod page;
mod throttle;
mod token;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use labelcast_functions::ports::{Clock, Random};

use crate::database::Database;
use crate::users::Users;
use grants::Grants;
use throttle::Throttle;
pub use tokens::TokenIssuer;

/// The sign-in.
#[derive(Clone)]
pub struct SignIn {
    users: Users,
    grants: Grants,
    issuer: Arc<TokenIssuer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    throttle: Arc<Throttle>,
    place: Arc<Place>,
}

/// Where the sign-in is found, and where it may send people.
#[derive(Debug, Clone)]
pub struct Place {
    /// `scheme://host:port` as browsers see it.
    pub public_url: String,
    /// Exactly these may be returned to, after signing in and out.
    pub return_urls: Vec<String>,
}

impl Place {
    fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

impl SignIn {
    /// Over the users of a database.
    pub fn new(
        users: Users,
        database: Database,
        issuer: Arc<TokenIssuer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        place: Place,
    ) -> Self {
        let grants = Grants::new(database, clock.clone(), random.clone());
        let throttle = Arc::new(Throttle::default());
        Self { users, grants, issuer, clock, random, throttle, place: Arc::new(place) }
    }

    /// Its routes, at the root.
    pub fn router(self) -> Router {
        Router::new()
            .route("/oauth2/authorize", get(authorize::authorize))
            .route("/login", get(login::show).post(login::sign_in))
            .route("/login.css", get(page::style))
            .route("/logout", get(logout::logout))
            .route("/oauth2/token", post(token::token))
            .route("/oauth2/revoke", post(token::revoke))
            .route("/oauth2/userInfo", get(token::user_info))
            .route("/.well-known/jwks.json", get(discovery::keys))
            .route("/.well-known/openid-configuration", get(discovery::configuration))
            .with_state(self)
    }

    /// The endpoints, as OpenID discovery names them.
    pub fn metadata(&self) -> serde_json::Value {
        discovery::metadata(self)
    }
}

#[cfg(test)]
mod tests;
