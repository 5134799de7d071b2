//! What a service answers, which is somebody else's word.

use labelcast_functions::model::{Confidence, Detection, Label, LabelName, ModerationLabel, Source};
use serde::Deserialize;

/// More labels are no answer about one picture.
const MAX_LABELS: usize = 200;
/// Names above one label.
const MAX_PARENTS: usize = 8;
/// Characters of what is wrong with an answer: it may quote the answer.
const MAX_REASON: usize = 200;

/// The body of an answer; one of the two has to be there. What else stands in it is passed over.
#[derive(Debug, Deserialize)]
struct Answer {
    labels: Option<Vec<NamedLabel>>,
    moderation: Option<Vec<NamedHit>>,
}

#[derive(Debug, Deserialize)]
struct NamedLabel {
    name: LabelName,
    confidence: Confidence,
    #[serde(default)]
    parents: Vec<LabelName>,
}

#[derive(Debug, Deserialize)]
struct NamedHit {
    name: ModerationName,
    parent: Option<ModerationName>,
    confidence: Confidence,
}

/// As the taxonomy spells it; it has to be a label's name all the same.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct ModerationName(String);

impl TryFrom<String> for ModerationName {
    type Error = <LabelName as TryFrom<String>>::Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse::<LabelName>().map(|_| Self(text))
    }
}

/// Reads the whole of it, or says what is wrong: half an answer would be taken for a whole one.
pub(super) fn read(body: &[u8], source: &Source) -> Result<Detection, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| in_short(&error.to_string()))?;
    if answer.labels.is_none() && answer.moderation.is_none() {
        return Err("neither `labels` nor `moderation` is there".to_owned());
    }
    let (labels, moderation) = (answer.labels.unwrap_or_default(), answer.moderation.unwrap_or_default());
    if labels.len() > MAX_LABELS || moderation.len() > MAX_LABELS {
        return Err(format!("there are more than {MAX_LABELS} labels"));
    }
    if labels.iter().any(|label| label.parents.len() > MAX_PARENTS) {
        return Err(format!("a label has more than {MAX_PARENTS} parents"));
    }
    let label =
        |NamedLabel { name, confidence, parents }| Label { parents, ..Label::new(name, confidence).found_by(source) };
    let hit = |NamedHit { name, parent, confidence }| ModerationLabel {
        name: name.0,
        parent: parent.map(|parent| parent.0).unwrap_or_default(),
        confidence,
        source: Some(source.clone()),
    };
    Ok(Detection {
        labels: labels.into_iter().map(label).collect(),
        moderation: moderation.into_iter().map(hit).collect(),
        ..Detection::default()
    })
}

fn in_short(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        "http:host".parse().unwrap()
    }

    #[test]
    fn labels_and_moderation_labels_are_read_and_carry_the_service_s_name() {
        let body = br#"{"labels":[{"name":" Tabby  Cat","confidence":62.5,"parents":["cat"]}],
            "moderation":[{"name":"Graphic Violence","parent":"Violence","confidence":91}],"took":"12 ms"}"#;
        let found = read(body, &source()).unwrap();
        let label = &found.labels[0];
        assert_eq!(
            (label.name.as_str(), label.confidence.percent(), label.parents[0].as_str()),
            ("tabby cat", 62.5, "cat")
        );
        let hit = &found.moderation[0];
        assert_eq!(
            (hit.name.as_str(), hit.parent.as_str(), hit.confidence.percent()),
            ("Graphic Violence", "Violence", 91.0)
        );
        assert!(label.source == Some(source()) && hit.source == Some(source()));
        assert_eq!(read(br#"{"labels":[]}"#, &source()), Ok(Detection::default()));
    }

    #[test]
    fn an_answer_that_is_wrong_anywhere_is_refused_as_a_whole() {
        let many = |label: &str| format!(r#"{{"labels":[{}]}}"#, vec![label; 201].join(","));
        let long = format!(r#"{{"labels":[{{"name":"{}","confidence":1}}]}}"#, "x".repeat(5_000));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"predictions":[]}"#,
            r#"{"labels":[{"name":"cat","confidence":NaN}]}"#,
            r#"{"labels":[{"name":"cat","confidence":1e999}]}"#,
            r#"{"labels":[{"name":"cat","confidence":100.5}]}"#,
            r#"{"labels":[{"name":"cat","confidence":"90"}]}"#,
            r#"{"labels":[{"name":"","confidence":90}]}"#,
            r#"{"labels":[{"name":"cat","confidence":90},{"name":"dog"}]}"#,
            r#"{"labels":{"cat":90}}"#,
            r#"{"moderation":[{"name":" ","confidence":90}]}"#,
            &many(r#"{"name":"cat","confidence":90}"#),
            &long,
        ] {
            let reason = read(body.as_bytes(), &source()).unwrap_err();
            assert!(!reason.is_empty() && reason.chars().count() <= MAX_REASON, "{body}: {reason}");
        }
    }
}
