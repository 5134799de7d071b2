//! `/healthz` and `/metrics`.

use labelcast_tests::{Server, Socket, picture};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// The sum of a metric's samples whose labels hold this text; `None` if it has none.
fn sample(metrics: &str, name: &str, labels: &str) -> Option<f64> {
    let lines = metrics.lines().filter_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let (found, with) = sample.split_once('{').unwrap_or((sample, ""));
        (found == name && with.contains(labels)).then(|| value.parse::<f64>().expect("a sample is a number"))
    });
    let values: Vec<f64> = lines.collect();
    if values.is_empty() { None } else { Some(values.iter().sum()) }
}

#[tokio::test]
async fn a_running_server_reports_its_health_and_version() {
    let server = Server::start(&[]).await;
    let health = server.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    let health: Value = health.json().await.unwrap();
    assert_eq!((&health["status"], &health["version"]), (&"ok".into(), &env!("CARGO_PKG_VERSION").into()));
}

#[tokio::test]
async fn the_metrics_show_connections_deliveries_queues_refusals_and_upload_to_push_latency() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    assert!(Socket::open(server.address(), "nonsense").await.is_err());
    let (mut one, mut other) = (server.connect(&token).await, server.connect(&token).await);
    one.subscribe(&["labels"]).await;
    other.subscribe(&["labels"]).await;
    // Pushes are counted when they are done, one after the other: whoever hears the second sees the first counted.
    for number in 1..=2 {
        server.upload(&token, "image/jpeg", picture::jpeg(number)).await;
        one.notification("image.labelled").await;
        other.notification("image.labelled").await;
    }
    let metrics = server.metrics().await;
    let value = |name: &str, labels: &str| sample(&metrics, name, labels);
    assert_eq!(value("labelcast_connections", ""), Some(2.0));
    assert!(value("labelcast_deliveries_total", "") >= Some(2.0), "{metrics}");
    assert_eq!(value("labelcast_handshakes_refused_total", ""), Some(1.0));
    assert_eq!(value("labelcast_upload_to_push_seconds_count", ""), Some(2.0));
    assert!(value("labelcast_upload_to_push_seconds_bucket", "le=\"60\"") == Some(2.0));
    for queue in ["ingest", "analyze", "index", "notify"] {
        assert!(value("labelcast_jobs_waiting", queue).is_some(), "{queue} has no depth\n{metrics}");
        assert_eq!(value("labelcast_dead_letters", queue), Some(0.0), "{queue}");
    }
}
