//! Formats images and notifications on one line.

use chrono::SecondsFormat;
use labelcast_functions::model::Label;
use labelcast_functions::protocol::NotificationFrame;
use serde::Deserialize;
use serde_json::Value;

/// `dog 98.2, grass 91.0`
pub(super) fn labels(labels: &[Label]) -> String {
    if labels.is_empty() {
        return "no labels".to_owned();
    }
    let one = |label: &Label| format!("{} {:.1}", label.name, label.confidence.percent());
    labels.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The labels of an image; none for one awaiting moderation.
pub(super) fn labels_of(image: &Value) -> String {
    match Vec::<Label>::deserialize(&image["labels"]) {
        Ok(all) => labels(&all),
        Err(_) => "waiting for a moderator".to_owned(),
    }
}

/// `2026-11-21T03:18:25Z  image.labelled  IMAGE_ID: dog 98.2`
pub(super) fn notification(frame: &NotificationFrame) -> String {
    let at = frame.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{at}  {}  {}", frame.event, content(&frame.event, &frame.data).unwrap_or_else(|| frame.data.to_string()))
}

/// Summarises our own events; published data is shown verbatim.
fn content(event: &str, data: &Value) -> Option<String> {
    match event {
        "image.labelled" | "image.offensive" | "image.reviewed" => {
            let image = &data["image"];
            Some(format!("{}: {}", image["image_id"].as_str()?, labels_of(image)))
        }
        "upload.rejected" | "upload.failed" => {
            Some(format!("{}: {}", data["upload_id"].as_str()?, data["reason"].as_str()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(event: &str, data: Value) -> String {
        let at = "2026-11-21T03:18:25.5Z".parse().unwrap();
        notification(&NotificationFrame { id: "1".to_owned(), event: event.to_owned(), at, topics: Vec::new(), data })
    }

    #[test]
    fn a_notification_shows_its_time_its_kind_and_its_labels() {
        let labels = json!([{"name": "dog", "confidence": 98.24}, {"name": "grass", "confidence": 91}]);
        let image = line("image.labelled", json!({"image": {"image_id": "i", "labels": labels}}));
        assert_eq!(image, "2026-11-21T03:18:25Z  image.labelled  i: dog 98.2, grass 91.0");
        let pending = line("image.labelled", json!({"image": {"image_id": "i", "status": "pending"}}));
        assert!(pending.ends_with("i: waiting for a moderator"), "{pending}");
        let rejected = line("upload.rejected", json!({"upload_id": "u", "reason": "not a picture"}));
        assert!(rejected.ends_with("upload.rejected  u: not a picture"), "{rejected}");
    }

    #[test]
    fn published_data_is_shown_in_full() {
        let data = json!({"reason": "late", "status": 1});
        assert_eq!(line("build.done", data.clone()), format!("2026-11-21T03:18:25Z  build.done  {data}"));
        let unlike_ours = json!({"image": 7});
        assert!(line("image.labelled", unlike_ours.clone()).ends_with(&unlike_ours.to_string()));
    }
}
