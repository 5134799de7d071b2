//! Sign-in on one machine, with Cognito's endpoints and claims: code + PKCE, a login page, tokens.

mod authorize;
mod cookies;
mod device;
mod discovery;
mod grants;
mod login;
mod logout;
mod page;
mod same_origin;
mod throttle;
mod token;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use labelcast_functions::ports::{Clock, Random};
use labelcast_web::CLI_REDIRECT_URIS;

use crate::data::Secrets;
use crate::database::Database;
use crate::users::Users;
use cookies::Cookies;
use device::Devices;
use grants::Grants;
use throttle::Throttle;
pub use tokens::TokenIssuer;

/// The sign-in of one machine, with the endpoints of Cognito's.
#[derive(Clone)]
pub struct SignIn {
    users: Users,
    grants: Grants,
    issuer: Arc<TokenIssuer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    throttle: Arc<Throttle>,
    devices: Devices,
    cookies: Arc<Cookies>,
    clients: Arc<[Client; 2]>,
    place: Arc<Place>,
}

/// An application that people sign in to.
#[derive(Debug)]
struct Client {
    id: String,
    /// For people and the audit log.
    name: &'static str,
    /// Exactly these may be returned to, after signing in and out.
    return_urls: Vec<String>,
}

/// Where the sign-in is found, and where it may send people.
#[derive(Debug, Clone)]
pub struct Place {
    /// `scheme://host:port` as browsers see it, with a path prefix where there is one.
    pub public_url: String,
    /// Exactly these may the web app return to, after signing in and out.
    pub return_urls: Vec<String>,
}

impl Place {
    /// The address of one of the sign-in's own pages, below the path prefix.
    fn path(&self, path: &str) -> String {
        format!("{}{path}", cookies::path_of(&self.public_url))
    }
}

impl SignIn {
    /// Over the users of a database; with the secrets of its directory.
    pub fn new(
        users: Users,
        database: Database,
        issuer: Arc<TokenIssuer>,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        place: Place,
    ) -> Self {
        let grants = Grants::new(database, clock.clone(), random.clone());
        let throttle = Arc::new(Throttle::default());
        let web = Client { id: issuer.client_id().to_owned(), name: "web", return_urls: place.return_urls.clone() };
        let cli = Client {
            id: issuer.cli_client_id().to_owned(),
            name: "command line",
            return_urls: CLI_REDIRECT_URIS.map(str::to_owned).to_vec(),
        };
        Self {
            users,
            grants,
            issuer,
            clock,
            random,
            throttle,
            devices: Devices::new(&secrets.signing_key),
            cookies: Arc::new(Cookies::of(&place.public_url)),
            clients: Arc::new([web, cli]),
            place: Arc::new(place),
        }
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Whether the web app it is that somebody signed in to.
    fn is_web(&self, client: &str) -> bool {
        client == self.issuer.client_id()
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
