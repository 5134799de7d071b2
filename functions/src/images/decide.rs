//! What the product makes of a detection: which labels stay, and what makes an image offensive. Plain functions.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::model::{Analysis, Confidence, Detection, Label, LabelName, ModerationLabel};
use crate::settings::Settings;

/// The largest result, in bytes of JSON: with two signed URLs, and whatever else stands in a notification, it fits into a frame.
const MAX_BYTES: usize = 24 * 1024;
/// Moderation labels that are kept. Rekognition has about a hundred, and finds a handful.
const MAX_MODERATION: usize = 16;

/// At most `max_labels` labels of at least `min_confidence`, in the detector's order; an offensive image gets the label
/// `offensive` in front of the names of its moderation labels besides. The last labels are left out where all of them would be
/// too much for a notification.
pub(super) fn analysis(detection: Detection, settings: &Settings, now: DateTime<Utc>) -> Analysis {
    let mut names = BTreeSet::new();
    let mut found: Vec<Label> = detection
        .labels
        .into_iter()
        .filter(|label| label.confidence >= settings.min_confidence && names.insert(label.name.clone()))
        .take(settings.max_labels)
        .collect();
    let mut moderation: Vec<ModerationLabel> =
        detection.moderation.into_iter().filter(|hit| hit.confidence >= settings.min_confidence).collect();
    let surest = moderation.iter().map(|hit| hit.confidence).max();
    moderation.truncate(MAX_MODERATION);
    for hit in &mut moderation {
        for name in [&mut hit.name, &mut hit.parent] {
            *name = name.chars().take(LabelName::MAX_CHARS).collect();
        }
    }
    let mut analysis = Analysis { labels: Vec::new(), moderation, colors: detection.colors, labelled_at: now };
    loop {
        analysis.labels.clone_from(&found);
        if let Some(surest) = surest {
            add_moderation(&mut analysis, surest);
        }
        if found.is_empty() || size(&analysis) <= MAX_BYTES {
            return analysis;
        }
        found.pop();
    }
}

fn add_moderation(analysis: &mut Analysis, surest: Confidence) {
    let hits = analysis.moderation.iter().filter_map(|hit| Some((LabelName::fold(&hit.name)?, hit.confidence)));
    let offensive = LabelName::fold(Label::OFFENSIVE).map(|name| (name, surest));
    for (name, confidence) in offensive.into_iter().chain(hits) {
        add(&mut analysis.labels, name, confidence);
    }
}

fn size(analysis: &Analysis) -> usize {
    serde_json::to_vec(analysis).expect("results are plain data, which JSON can hold").len()
}

/// A label stands once, at the highest confidence that was found for it.
fn add(labels: &mut Vec<Label>, name: LabelName, confidence: Confidence) {
    match labels.iter_mut().find(|label| label.name == name) {
        Some(label) => label.confidence = label.confidence.max(confidence),
        None => labels.push(Label { name, confidence }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, percent: f64) -> Label {
        Label { name: name.parse().unwrap(), confidence: Confidence::from_percent(percent).unwrap() }
    }

    fn hit(name: &str, percent: f64) -> ModerationLabel {
        let confidence = Confidence::from_percent(percent).unwrap();
        ModerationLabel { name: name.to_owned(), parent: String::new(), confidence }
    }

    fn names(analysis: &Analysis) -> Vec<&str> {
        analysis.labels.iter().map(|label| label.name.as_str()).collect()
    }

    #[test]
    fn labels_below_the_confidence_and_beyond_the_number_are_dropped() {
        let settings = Settings { max_labels: 2, ..Settings::default() };
        let labels = vec![label("a", 99.0), label("low", 84.9), label("b", 85.0), label("c", 99.0)];
        let found = analysis(Detection { labels, ..Detection::default() }, &settings, DateTime::UNIX_EPOCH);
        assert_eq!(names(&found), ["a", "b"]);
    }

    #[test]
    fn a_moderation_label_makes_an_image_offensive_whatever_its_number_of_labels() {
        let settings = Settings { max_labels: 1, ..Settings::default() };
        let detection = Detection {
            labels: vec![label("a", 99.0), label("b", 99.0)],
            moderation: vec![hit("Violence", 90.0), hit("Weapons", 95.0)],
            ..Detection::default()
        };
        let found = analysis(detection, &settings, DateTime::UNIX_EPOCH);
        assert!(found.is_offensive());
        assert_eq!(names(&found), ["a", "offensive", "violence", "weapons"]);
        assert_eq!(found.labels[1].confidence.hundredths(), 9_500);
    }

    #[test]
    fn a_keyword_offensive_sets_no_flag() {
        let labels = vec![label("offensive", 100.0)];
        let found = analysis(Detection { labels, ..Detection::default() }, &Settings::default(), DateTime::UNIX_EPOCH);
        assert!(!found.is_offensive());
    }

    #[test]
    fn whatever_a_detector_finds_fits_into_a_notification() {
        let name = |number: usize| format!("{}{number:03}", "𝕏".repeat(97));
        let settings = Settings { max_labels: 50, ..Settings::default() };
        let labels: Vec<Label> = (0..200).map(|number| label(&name(number), 99.0)).collect();
        let hits = (0..100).map(|number| ModerationLabel { parent: "\u{1}".repeat(5_000), ..hit(&name(number), 90.0) });
        for moderation in [Vec::new(), hits.collect()] {
            let detection = Detection { labels: labels.clone(), moderation, ..Detection::default() };
            let found = analysis(detection, &settings, DateTime::UNIX_EPOCH);
            assert!(size(&found) <= MAX_BYTES, "{} bytes", size(&found));
            assert!(found.labels.len() >= 17, "{}", found.labels.len());
        }
    }
}
