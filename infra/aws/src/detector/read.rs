//! Rekognition's results, as labels. What cannot be read is left out, and counted.

use aws_sdk_rekognition::types as rekognition;
use labelcast_functions::model::{Color, Confidence, Label, LabelName, ModerationLabel, Source};

pub(super) fn label(found: &rekognition::Label) -> Option<Label> {
    let label = || {
        Some(Label {
            name: LabelName::fold(found.name()?)?,
            confidence: percent(found.confidence())?,
            source: Some(Source::REKOGNITION),
            parents: found.parents().iter().filter_map(|parent| LabelName::fold(parent.name()?)).collect(),
        })
    };
    counted(label())
}

pub(super) fn moderation_label(found: &rekognition::ModerationLabel) -> Option<ModerationLabel> {
    let label = || {
        Some(ModerationLabel {
            name: found.name()?.to_owned(),
            parent: found.parent_name().unwrap_or_default().to_owned(),
            confidence: percent(found.confidence())?,
            source: Some(Source::REKOGNITION),
        })
    };
    counted(label())
}

pub(super) fn color(found: &rekognition::DominantColor) -> Option<Color> {
    let color = || {
        Some(Color {
            name: found.simplified_color()?.to_lowercase(),
            hex: found.hex_code()?.to_lowercase(),
            percent: percent(found.pixel_percent())?,
        })
    };
    counted(color())
}

/// Rekognition's numbers have no more than seven digits; two after the point are kept.
fn percent(value: Option<f32>) -> Option<Confidence> {
    Confidence::from_percent((f64::from(value?) * 100.0).round() / 100.0)
}

fn counted<T>(read: Option<T>) -> Option<T> {
    if read.is_none() {
        tracing::warn!("ignored a Rekognition result that could not be parsed");
        metrics::counter!("labelcast_detections_unread_total").increment(1);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rekognition_results_become_labels() {
        let parent = rekognition::Parent::builder().name("Dog").build();
        let found =
            rekognition::Label::builder().name("Golden Retriever").confidence(98.765_43).parents(parent).build();
        let label = label(&found).unwrap();
        assert_eq!((label.source, label.parents[0].as_str()), (Some(Source::REKOGNITION), "dog"));
        assert_eq!((label.name.as_str(), label.confidence.percent()), ("golden retriever", 98.77));
        let found = rekognition::ModerationLabel::builder().name("Violence").parent_name("").confidence(91.5).build();
        let hit = moderation_label(&found).unwrap();
        assert_eq!((hit.name.as_str(), hit.parent.as_str(), hit.confidence.percent()), ("Violence", "", 91.5));
        let found = rekognition::DominantColor::builder()
            .simplified_color("Grey")
            .hex_code("#AABBCC")
            .pixel_percent(33.3)
            .build();
        let color = color(&found).unwrap();
        assert_eq!((color.name.as_str(), color.hex.as_str(), color.percent.percent()), ("grey", "#aabbcc", 33.3));
    }

    #[test]
    fn results_without_a_name_or_with_an_impossible_confidence_are_skipped() {
        assert_eq!(label(&rekognition::Label::builder().confidence(99.0).build()), None);
        assert_eq!(label(&rekognition::Label::builder().name("Dog").confidence(f32::NAN).build()), None);
    }
}
