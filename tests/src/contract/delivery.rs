//! [`labelcast_functions::ports::Queue`] and [`labelcast_functions::ports::Bus`]

use labelcast_functions::model::{BusEvent, ImageType};
use labelcast_functions::ports::AnalysisJob;
use serde_json::json;

use super::Backend;
use super::samples::image_id;

fn published(id: &str, text: &str) -> BusEvent {
    let topic = "app:builds".parse().expect("a topic");
    BusEvent::TopicPublished { id: id.to_owned(), topic, event: "build.done".to_owned(), data: json!({"text": text}) }
}

/// As it was sent.
pub async fn a_job_arrives_through_the_queue(backend: impl Backend) {
    let job = AnalysisJob { image_id: image_id(1), content_type: ImageType::WebP };
    backend.ports().queue.send(&job).await.unwrap();
    assert_eq!(backend.next_job().await, job);
}

/// All of them, in any order.
pub async fn events_arrive_through_the_bus(backend: impl Backend) {
    let events: Vec<BusEvent> = (0..12).map(|number| published(&format!("id-{number}"), "ä\u{1f600}")).collect();
    let outcomes = backend.ports().bus.publish(&events).await.unwrap();
    assert!(outcomes.len() == events.len() && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let mut left = events;
    while !left.is_empty() {
        let event = backend.next_event().await;
        let place = left.iter().position(|expected| *expected == event).unwrap_or_else(|| panic!("{event:?} came"));
        left.remove(place);
    }
}

/// An event that is too large holds up none of the others.
pub async fn every_event_has_its_own_result(backend: impl Backend) {
    let events = [published("small", "text"), published("large", &"x".repeat(300 * 1024)), published("last", "text")];
    let outcomes = backend.ports().bus.publish(&events).await.unwrap();
    assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok(), "{outcomes:?}");
    let mut came = [backend.next_event().await, backend.next_event().await];
    came.sort_by_key(|event| *event != events[0]);
    assert_eq!(came, [events[0].clone(), events[2].clone()]);
}
