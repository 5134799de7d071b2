//! What the product makes of a detection: which labels stay, and what makes an image offensive. Plain functions.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::merge;
use crate::model::{Analysis, Detection, Label, LabelName, ModerationLabel, Source};
use crate::settings::{Judged, Settings};

/// The largest result, in bytes of JSON: with two signed URLs, and whatever else stands in a notification, it fits into a frame.
const MAX_BYTES: usize = 24 * 1024;
/// Moderation labels that are kept. Rekognition has about a hundred, and finds a handful.
const MAX_MODERATION: usize = 16;

/// At most `max_labels` labels, in the detectors' order; an offensive image gets the label `offensive` in front of the names
/// of its moderation labels besides. The last labels are left out where all of them would be too much for a notification.
pub(super) fn analysis(detection: Detection, settings: &Settings, now: DateTime<Utc>) -> Analysis {
    let mut names = BTreeSet::new();
    let once = detection.labels.into_iter().filter(|label| names.insert(label.name.clone()));
    let mut found = at_most(settings.max_labels, once.collect());
    let Judged { labels: mut moderation, alerts } = settings.moderation.judge(detection.moderation);
    let surest = moderation.iter().max_by_key(|hit| hit.confidence).cloned();
    moderation.truncate(MAX_MODERATION);
    for hit in &mut moderation {
        for name in [&mut hit.name, &mut hit.parent] {
            *name = name.chars().take(LabelName::MAX_CHARS).collect();
        }
    }
    let silent = surest.is_some() && !alerts;
    let failed = detection.failed;
    let mut analysis = Analysis { moderation, colors: detection.colors, silent, failed, ..Analysis::nothing(now) };
    loop {
        analysis.labels.clone_from(&found);
        if let Some(surest) = &surest {
            add_moderation(&mut analysis, surest);
        }
        if found.is_empty() || size(&analysis) <= MAX_BYTES {
            return analysis;
        }
        found.pop();
    }
}

/// Where there are too many, the last of whichever detector has the most goes first: fifty keywords of one leave room for
/// the few labels of another.
fn at_most(count: usize, mut labels: Vec<Label>) -> Vec<Label> {
    while labels.len() > count {
        let of = |source: &Option<Source>| labels.iter().filter(|label| label.source == *source).count();
        let most = labels.iter().map(|label| of(&label.source)).max().unwrap_or_default();
        let Some(last) = labels.iter().rposition(|label| of(&label.source) == most) else { break };
        labels.remove(last);
    }
    labels
}

fn add_moderation(analysis: &mut Analysis, surest: &ModerationLabel) {
    let label = |name: &str, hit: &ModerationLabel| {
        let name = LabelName::fold(name)?;
        Some(Label { source: hit.source.clone(), ..Label::new(name, hit.confidence) })
    };
    let hits: Vec<_> = analysis.moderation.iter().filter_map(|hit| label(&hit.name, hit)).collect();
    for added in label(Label::OFFENSIVE, surest).into_iter().chain(hits) {
        merge::add(&mut analysis.labels, added);
    }
}

fn size(analysis: &Analysis) -> usize {
    serde_json::to_vec(analysis).expect("results are plain data, which JSON can hold").len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Confidence;
    use crate::settings::ModerationRules;

    fn label(name: &str, percent: f64) -> Label {
        Label::new(name.parse().unwrap(), Confidence::from_percent(percent).unwrap()).found_by(&Source::BUILTIN)
    }

    fn hit(name: &str, percent: f64) -> ModerationLabel {
        let confidence = Confidence::from_percent(percent).unwrap();
        ModerationLabel { name: name.to_owned(), parent: String::new(), confidence, source: Some(Source::BUILTIN) }
    }

    fn names(analysis: &Analysis) -> Vec<&str> {
        analysis.labels.iter().map(|label| label.name.as_str()).collect()
    }

    #[test]
    fn labels_beyond_the_limit_are_dropped_and_each_appears_once() {
        let settings = Settings { max_labels: 2, ..Settings::default() };
        let labels = vec![label("a", 99.0), label("a", 90.0), label("b", 50.0), label("c", 99.0)];
        let found = analysis(Detection { labels, ..Detection::default() }, &settings, DateTime::UNIX_EPOCH);
        assert_eq!(names(&found), ["a", "b"]);
    }

    #[test]
    fn many_keywords_leave_room_for_labels_of_models() {
        let model: Source = "a-model".parse().unwrap();
        let keywords = (0..50).map(|number| label(&format!("keyword {number}"), 100.0));
        let seen = ["cat", "pet"].map(|name| label(name, 60.0).found_by(&model));
        let labels = keywords.chain(seen).collect();
        let found = analysis(Detection { labels, ..Detection::default() }, &Settings::default(), DateTime::UNIX_EPOCH);
        assert_eq!(found.labels.len(), 20);
        assert_eq!(names(&found)[16..], ["keyword 16", "keyword 17", "cat", "pet"]);
    }

    #[test]
    fn a_label_that_only_hides_does_not_alert_moderators() {
        let settings =
            Settings { moderation: ModerationRules::new(vec!["Alcohol=hide".parse().unwrap()]), ..Settings::default() };
        let found = |names: &[&str]| {
            let moderation = names.iter().map(|name| hit(name, 90.0)).collect();
            analysis(Detection { moderation, ..Detection::default() }, &settings, DateTime::UNIX_EPOCH)
        };
        let (hidden, alerting, harmless) = (found(&["Alcohol"]), found(&["Alcohol", "Violence"]), found(&[]));
        assert!(hidden.is_offensive() && !hidden.alerts());
        assert!(alerting.is_offensive() && alerting.alerts());
        assert!(!harmless.is_offensive() && !harmless.alerts() && !harmless.silent);
    }

    #[test]
    fn moderation_labels_name_the_detector_that_found_them() {
        let model: Source = "open-nsfw".parse().unwrap();
        let explicit = ModerationLabel { source: Some(model.clone()), ..hit("Explicit", 93.0) };
        let found = Detection { moderation: vec![explicit], ..Detection::default() };
        let found = analysis(found, &Settings::default(), DateTime::UNIX_EPOCH);
        assert_eq!(names(&found), ["offensive", "explicit"]);
        assert!(found.labels.iter().all(|label| label.source.as_ref() == Some(&model)));
    }

    #[test]
    fn a_moderation_label_makes_an_image_offensive_even_beyond_the_label_limit() {
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
    fn the_keyword_offensive_does_not_set_the_flag() {
        let labels = vec![label("offensive", 100.0)];
        let found = analysis(Detection { labels, ..Detection::default() }, &Settings::default(), DateTime::UNIX_EPOCH);
        assert!(!found.is_offensive());
    }

    #[test]
    fn any_detector_result_fits_into_a_notification() {
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
