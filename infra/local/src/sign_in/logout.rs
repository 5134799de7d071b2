//! `/logout`: ends a browser's session and sends it back.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::rest::ClientAddress;
use labelcast_functions::rest::Query;
use serde::Deserialize;

use super::authorize::{AuthorizeRequest, redirect};
use super::{SignIn, cookies, page};

#[derive(Deserialize)]
pub(super) struct Leaving {
    logout_uri: Option<String>,
    #[serde(flatten)]
    request: AuthorizeRequest,
}

pub(super) async fn logout(
    State(sign_in): State<SignIn>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Query(leaving): Query<Leaving>,
) -> Response {
    if let Some(session) = sign_in.cookies.get(&headers, cookies::SESSION) {
        match sign_in.grants.end_session(&session).await {
            Ok(Some(user)) => Record::new(Action::SignOut, Outcome::Succeeded, user).address(address).log(),
            Ok(None) => {}
            Err(error) => return page::failed(&sign_in, &error),
        }
    }
    let client = sign_in.client(&leaving.request.client_id);
    let mut response = match leaving.logout_uri {
        Some(uri) if client.is_some_and(|client| client.return_urls.contains(&uri)) => redirect(&uri),
        None if leaving.request.refusal(&sign_in).is_none() => redirect(&sign_in.login_address(&leaving.request)),
        _ => page::message(
            &sign_in,
            StatusCode::BAD_REQUEST,
            "You're signed out",
            "The application wants to redirect to an address that it isn't registered for.",
        ),
    };
    sign_in.cookies.set(&mut response, cookies::SESSION, "", 0);
    response
}
