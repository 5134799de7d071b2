//! What several detectors say of one picture, as one detection. Plain functions.

use crate::model::{Detection, Label, ModerationLabel};

/// One detection of several, in their order of importance: a label stands once, where it stood first, at the highest
/// confidence that was found for it, with the detector that was so sure. Colours are those of the first that has any.
pub fn merged(detections: impl IntoIterator<Item = Detection>) -> Detection {
    let mut whole = Detection::default();
    for detection in detections {
        detection.labels.into_iter().for_each(|label| add(&mut whole.labels, label));
        detection.moderation.into_iter().for_each(|hit| add_hit(&mut whole.moderation, hit));
        if whole.colors.is_empty() {
            whole.colors = detection.colors;
        }
        whole.failed.extend(detection.failed);
    }
    whole
}

/// Adds a label, or what it says more of one that is there.
pub(super) fn add(labels: &mut Vec<Label>, mut new: Label) {
    match labels.iter_mut().find(|label| label.name == new.name) {
        None => labels.push(new),
        Some(known) => {
            if new.confidence > known.confidence {
                std::mem::swap(known, &mut new);
            }
            if known.parents.is_empty() {
                known.parents = new.parents;
            }
        }
    }
}

fn add_hit(hits: &mut Vec<ModerationLabel>, new: ModerationLabel) {
    match hits.iter_mut().find(|hit| hit.name == new.name) {
        Some(known) if new.confidence > known.confidence => *known = new,
        Some(_) => {}
        None => hits.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Color, Confidence, FailedDetector, Source};

    fn percent(percent: f64) -> Confidence {
        Confidence::from_percent(percent).unwrap()
    }

    fn label(name: &str, confidence: f64, source: &str) -> Label {
        Label::new(name.parse().unwrap(), percent(confidence)).found_by(&source.parse().unwrap())
    }

    fn found(labels: &[Label]) -> Detection {
        Detection { labels: labels.to_vec(), ..Detection::default() }
    }

    fn shown(detection: &Detection) -> Vec<String> {
        let shown = |label: &Label| {
            format!(
                "{} {} {}",
                label.name,
                label.confidence.percent(),
                label.source.as_ref().map_or("", Source::as_str)
            )
        };
        detection.labels.iter().map(shown).collect()
    }

    #[test]
    fn the_highest_confidence_wins_and_says_who_found_it() {
        let keywords = found(&[label("cat", 100.0, "builtin"), label("sofa", 100.0, "builtin")]);
        let model = found(&[label("animal", 95.0, "model"), label("cat", 91.0, "model"), label("pet", 62.0, "model")]);
        let service = found(&[label("pet", 70.0, "http:host")]);
        assert_eq!(
            shown(&merged([keywords, model, service])),
            ["cat 100 builtin", "sofa 100 builtin", "animal 95 model", "pet 70 http:host"]
        );
    }

    #[test]
    fn a_label_keeps_its_parents_whoever_knows_them() {
        let parents = vec!["pet".parse().unwrap()];
        let model = Label { parents: parents.clone(), ..label("cat", 60.0, "model") };
        let merged = merged([found(&[label("cat", 100.0, "builtin")]), found(&[model])]);
        assert_eq!((merged.labels[0].confidence, &merged.labels[0].parents), (Confidence::FULL, &parents));
    }

    #[test]
    fn moderation_labels_are_merged_alike_and_failures_all_named() {
        let hit = |source: &str, confidence: f64| ModerationLabel {
            name: "Explicit".to_owned(),
            parent: String::new(),
            confidence: percent(confidence),
            source: Some(source.parse().unwrap()),
        };
        let failed = |name: &str| FailedDetector { name: name.parse().unwrap(), reason: "it is away".to_owned() };
        let color = |name: &str| Color { name: name.to_owned(), hex: "#000000".to_owned(), percent: percent(1.0) };
        let of = |moderation, colors, failed| Detection { moderation, colors, failed, ..Detection::default() };
        let whole = merged([
            of(vec![hit("one", 81.0)], vec![], vec![failed("a")]),
            of(vec![hit("two", 93.0)], vec![color("red")], vec![failed("b")]),
            of(vec![hit("three", 93.0)], vec![color("blue")], vec![]),
        ]);
        assert_eq!(whole.moderation, [hit("two", 93.0)]);
        assert_eq!(whole.colors, [color("red")]);
        assert_eq!(whole.failed, [failed("a"), failed("b")]);
    }
}
