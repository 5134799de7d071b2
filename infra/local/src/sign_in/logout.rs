//! `/logout`: ends a browser's session and sends it back.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::authorize::{Asked, cookie, redirect};
use super::grants::Kind;
use super::{SignIn, page};

#[derive(Deserialize)]
pub(super) struct Leaving {
    logout_uri: Option<String>,
    #[serde(flatten)]
    asked: Asked,
}

pub(super) async fn logout(
    State(sign_in): State<SignIn>,
    headers: HeaderMap,
    Query(leaving): Query<Leaving>,
) -> Response {
    if let Some(session) = cookie(&headers, "labelcast_session")
        && let Err(error) = sign_in.grants.take(Kind::Session, &session).await
    {
        return page::failed(&error);
    }
    let mut response = match leaving.logout_uri {
        Some(uri)
            if leaving.asked.client_id == sign_in.issuer.client_id() && sign_in.place.return_urls.contains(&uri) =>
        {
            redirect(&uri)
        }
        None if leaving.asked.refusal(&sign_in).is_none() => redirect(&format!("/login?{}", leaving.asked.query())),
        _ => page::message(
            StatusCode::BAD_REQUEST,
            "You are signed out",
            "The application wants to return to an address that it is not registered for.",
        ),
    };
    sign_in.set_cookie(&mut response, "labelcast_session", "", 0);
    response
}
