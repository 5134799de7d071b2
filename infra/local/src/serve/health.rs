//! `/healthz` and `/metrics`.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::database::Database;

/// Metrics belong to the process, however many machines a test starts in it.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds in seconds, for the time from upload to push.
const SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The process's metrics.
pub(super) fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("the buckets are not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Fails only if another recorder was set, whose figures are shown elsewhere then.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

pub(super) fn router(database: Database) -> Router {
    Router::new().route("/healthz", get(health)).route("/metrics", get(show)).with_state(database)
}

async fn health(State(database): State<Database>) -> Response {
    match database.read(|connection| connection.query_row("SELECT 1", [], |_| Ok(()))).await {
        Ok(()) => axum::Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})).into_response(),
        Err(error) => {
            tracing::error!(%error, "not healthy");
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": "failing"}))).into_response()
        }
    }
}

async fn show() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics().render()).into_response()
}
