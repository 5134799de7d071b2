//! The REST API as a whole, and its contract.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Responses};
use utoipa::{Modify, OpenApi};

use crate::asyncapi;
use crate::contract::Deployment;
use crate::images::{ImageApi, ModerationApi, SearchApi, UploadApi};
use crate::live::{HistoryApi, PublishApi};
use crate::rest::{AppState, Authentication, RestFunction, fallback, wrong_method};
use crate::wiring::{FromProvider, Provider};

/// The largest body, in bytes: `data` of 24 KiB can be written with escapes.
const MAX_BODY: usize = 256 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Labelcast",
        description = "Upload pictures, search their labels, publish to topics. Events are pushed over the WebSocket: see asyncapi.json."
    ),
    modifiers(&Security),
    tags(
        (name = "uploads", description = "Upload pictures"),
        (name = "search", description = "Search images by label"),
        (name = "images", description = "View and delete images"),
        (name = "moderation", description = "Review offensive images"),
        (name = "topics", description = "Publish to topics, read their history"),
    )
)]
struct Contract;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An ID token; a bare token without `Bearer` is accepted too."))
            .build();
        let key = ApiKey::Header(ApiKeyValue::with_description("x-api-key", "API key of a program."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("key", SecurityScheme::ApiKey(key));
    }
}

/// One function's routes, to be put together by [`with_fallbacks`].
///
/// # Errors
/// A part of the function cannot be made.
pub fn router<F: RestFunction + FromProvider, P: Provider>(provider: &P) -> Result<Router, P::Error> {
    let keys = if F::TAKES_KEYS { Some(provider.keys()?) } else { None };
    let authentication = Authentication { verifier: provider.verifier()?, keys, clock: provider.clock() };
    Ok(AppState { authentication, function: F::from_provider(provider)? }.into_router())
}

/// The routes of all functions, to be put together by [`with_fallbacks`].
///
/// # Errors
/// A part of a function cannot be made.
pub fn all_routes<P: Provider>(provider: &P) -> Result<Router, P::Error> {
    Ok(router::<UploadApi, P>(provider)?
        .merge(router::<SearchApi, P>(provider)?)
        .merge(router::<ImageApi, P>(provider)?)
        .merge(router::<ModerationApi, P>(provider)?)
        .merge(router::<HistoryApi, P>(provider)?)
        .merge(router::<PublishApi, P>(provider)?))
}

/// Everything served: within bounds, and in our words where nothing is found.
pub fn with_fallbacks(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(MAX_BODY)).method_not_allowed_fallback(wrong_method).fallback(fallback)
}

/// The contracts, at `/openapi.json` and `/asyncapi.json`.
pub fn contracts(deployment: &Deployment) -> Router {
    let openapi = contract_text(contract(), deployment);
    let asyncapi = asyncapi::document(&deployment.live).to_string();
    Router::new()
        .route("/openapi.json", get(move || async move { json(openapi.clone()) }))
        .route("/asyncapi.json", get(move || async move { json(asyncapi.clone()) }))
}

fn contract() -> utoipa::openapi::OpenApi {
    let mut contract = Contract::openapi();
    for function in [
        UploadApi::routes().into_openapi(),
        SearchApi::routes().into_openapi(),
        ImageApi::routes().into_openapi(),
        ModerationApi::routes().into_openapi(),
        HistoryApi::routes().into_openapi(),
        PublishApi::routes().into_openapi(),
    ] {
        contract.merge(function);
    }
    contract
}

fn contract_text(mut contract: utoipa::openapi::OpenApi, deployment: &Deployment) -> String {
    for path in contract.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.delete];
        operations.into_iter().flatten().for_each(|operation| complete(&mut operation.responses));
    }
    env!("CARGO_PKG_VERSION").clone_into(&mut contract.info.version);
    contract.servers = Some(vec![utoipa::openapi::Server::new(&deployment.api)]);
    let mut document = serde_json::to_value(&contract).expect("the contract is plain data, which JSON can hold");
    crate::contract::complete(&mut document, deployment);
    document.to_string()
}

/// Adds the responses that every call may give, with descriptions where none is given.
fn complete(responses: &mut Responses) {
    for status in ["400", "500", "503"] {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let response = ResponseBuilder::new().content("application/json", body).build();
        responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
    for (status, response) in &mut responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            words(status).clone_into(&mut response.description);
        }
    }
}

fn words(status: &str) -> &'static str {
    match status {
        "400" => "invalid request; the message says what is expected",
        "401" => "no token, or an invalid one",
        "403" => "the caller may not do this",
        "404" => "not found, or hidden from this caller",
        "500" => "internal error; the operator can find the reason in the log",
        "503" => "temporarily unavailable; try again in a moment",
        _ => "done",
    }
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
