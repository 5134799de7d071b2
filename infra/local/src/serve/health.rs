//! `/healthz` and `/metrics`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use labelcast_functions::ports::PortError;
use labelcast_functions::rest::{fallback, wrong_method};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::sync::Mutex;

use crate::database::Database;
use crate::jobs::{Dispatcher, Kind};
use crate::objects::FileObjects;

/// Metrics belong to the process, however many machines a test starts in it.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds in seconds, for the time from upload to push.
const SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The metrics of this process, which has one recorder.
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

/// The answer of an earlier question is good for this long, so that asking often costs nothing.
const FRESH: Duration = Duration::from_secs(1);
/// A write that takes longer is as good as refused.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// What is to be said, such as why something is refused, if anything is; cheap.
pub(super) type Check = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// When it was looked, and why writes are refused.
type Seen = (Instant, Option<String>);

/// Whether what is sent is taken.
#[derive(Clone)]
pub(super) struct Health {
    database: Database,
    checks: Vec<Check>,
    notice: Check,
    last: Arc<Mutex<Option<Seen>>>,
}

/// Whether uploads are refused because the disk is full.
fn disk(objects: FileObjects) -> Check {
    Arc::new(move || match objects.has_room(0) {
        Ok(true) => None,
        Ok(false) => Some("the disk is full; uploads are refused until space is freed".to_owned()),
        Err(error) => Some(format!("the folder of objects is not accessible: {error}")),
    })
}

/// Whether pictures or notifications are refused because too many wait.
fn backlog(dispatcher: Dispatcher) -> Check {
    Arc::new(move || {
        let full = |kind| dispatcher.is_full(kind);
        let what = match (full(Kind::Pictures), full(Kind::Notifications)) {
            (false, false) => return None,
            (true, false) => "uploads",
            (false, true) => "publishes",
            (true, true) => "uploads and publishes",
        };
        Some(format!("overloaded; {what} are refused until the backlog shrinks"))
    })
}

/// All that this server refuses for.
pub(super) fn checks(objects: &FileObjects, dispatcher: &Dispatcher) -> Vec<Check> {
    vec![disk(objects.clone()), backlog(dispatcher.clone())]
}

impl Health {
    /// `notice` is told beside: it is no reason to refuse anything.
    pub(super) fn new(database: Database, checks: Vec<Check>, notice: Check) -> Self {
        Self { database, checks, notice, last: Arc::default() }
    }

    /// Why writes are refused, if they are.
    async fn degraded(&self) -> Option<String> {
        let mut last = self.last.lock().await;
        if let Some((at, reason)) = &*last
            && at.elapsed() < FRESH
        {
            return reason.clone();
        }
        let reason = self.look().await;
        if let Some(reason) = &reason {
            tracing::error!(reason, "degraded");
        }
        *last = Some((Instant::now(), reason.clone()));
        reason
    }

    async fn look(&self) -> Option<String> {
        if let Some(reason) = self.checks.iter().find_map(|check| check()) {
            return Some(reason);
        }
        let now = chrono::Utc::now().timestamp_millis();
        // Written for real: a disk that is full, or a file system that became read-only, shows in nothing else.
        let write = self.database.write(move |transaction| {
            let put = "INSERT INTO settings (name, value) VALUES ('checked_at', ?1)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            transaction.execute(put, [now.to_string()]).map(drop)
        });
        match tokio::time::timeout(WRITE_TIME, write).await {
            Ok(Ok(())) => None,
            Ok(Err(PortError::Full { .. })) => Some("the disk is full; nothing can be stored".to_owned()),
            Ok(Err(error)) => Some(format!("the database does not accept changes: {error}")),
            Err(_) => Some("the database is too slow to accept changes".to_owned()),
        }
    }
}

pub(super) fn router(health: Health) -> Router {
    Router::new().route("/healthz", get(show_health)).with_state(health)
}

async fn show_health(State(health): State<Health>) -> Response {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    match health.degraded().await {
        None => {
            let mut body = json!({"status": "ok", "version": VERSION});
            if let Some(notice) = (health.notice)() {
                body["notice"] = json!(notice);
            }
            axum::Json(body).into_response()
        }
        Some(reason) => {
            let body = json!({"status": "degraded", "reason": reason, "version": VERSION});
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
        }
    }
}

/// What is served at `--metrics`, and nowhere else: figures are for operators.
pub(super) fn metrics_router() -> Router {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    let show = move || async move { (text, metrics().render()) };
    Router::new().route("/metrics", get(show)).method_not_allowed_fallback(wrong_method).fallback(fallback)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    async fn response(health: &Health) -> (StatusCode, Value) {
        let response = show_health(State(health.clone())).await;
        let status = response.status();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap())
    }

    fn nothing() -> Check {
        Arc::new(|| None)
    }

    fn database() -> (tempfile::TempDir, Database) {
        let place = tempfile::tempdir().unwrap();
        let database = Database::open(place.path()).unwrap();
        (place, database)
    }

    #[tokio::test]
    async fn health_is_ok_while_everything_is_accepted() {
        let (_place, database) = database();
        let (status, body) = response(&Health::new(database, vec![Arc::new(|| None)], nothing())).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ok")));
    }

    #[tokio::test]
    async fn health_is_ok_with_a_notice_if_less_works_than_expected() {
        let (_place, database) = database();
        let (status, body) =
            response(&Health::new(database, Vec::new(), Arc::new(|| Some("no model".to_owned())))).await;
        assert_eq!((status, &body["status"], &body["notice"]), (StatusCode::OK, &json!("ok"), &json!("no model")));
    }

    #[tokio::test]
    async fn health_is_degraded_with_a_reason_while_something_is_refused() {
        let (_place, database) = database();
        let full: Check = Arc::new(|| Some("the disk is full".to_owned()));
        let (status, body) = response(&Health::new(database, vec![full], nothing())).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!((&body["status"], &body["reason"]), (&json!("degraded"), &json!("the disk is full")));
    }

    #[tokio::test]
    async fn health_is_degraded_while_the_database_accepts_no_changes() {
        let (_place, database) = database();
        database.write(|transaction| transaction.execute_batch("DROP TABLE settings")).await.unwrap();
        let (status, body) = response(&Health::new(database, Vec::new(), nothing())).await;
        assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("degraded")));
        assert!(body["reason"].as_str().unwrap().contains("database"), "{body}");
    }
}
