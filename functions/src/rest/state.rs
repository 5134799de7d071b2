//! The one state of all REST routes, and what a function behind them is.

use axum::Router;
use axum::extract::FromRef;
use utoipa_axum::router::OpenApiRouter;

use super::Authentication;

/// What handlers get: who calls, and the ports of their own function, no others
/// (`docs/decisions/0028-one-app-state.md`).
#[derive(Clone)]
pub struct AppState<F> {
    /// Says who calls.
    pub authentication: Authentication,
    /// The function with the ports that it uses.
    pub function: F,
}

impl<F> FromRef<AppState<F>> for Authentication {
    fn from_ref(state: &AppState<F>) -> Self {
        state.authentication.clone()
    }
}

/// A function behind the REST API.
pub trait RestFunction: Clone + Send + Sync + Sized + 'static {
    /// Whether programs may call it with a key. Others never look one up, and have no right to on AWS.
    const TAKES_KEYS: bool = false;

    /// Its routes, and their contract.
    fn routes() -> OpenApiRouter<AppState<Self>>;
}

impl<F: RestFunction> AppState<F> {
    /// The function's routes with this state.
    pub fn into_router(self) -> Router {
        Router::from(F::routes().with_state(self))
    }
}
