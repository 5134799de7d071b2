//! What several detectors answered, as one answer. Plain functions.

use labelcast_functions::images::merged;
use labelcast_functions::model::{Detection, FailedDetector, Source};
use labelcast_functions::ports::DetectorError;

use crate::detector::builtin::Examined;

/// What one detector answered.
pub(super) type Answer = (Source, Result<Detection, DetectorError>);

/// Characters of a reason that is kept with an image.
const MAX_REASON: usize = 200;

/// A picture is labelled by the detectors that worked, and says which did not: what it carries first, what models see next, what
/// was measured last.
///
/// # Errors
/// None worked. It is worth another try if it is for one of them.
pub(super) fn together(examined: Option<Examined>, answers: Vec<Answer>) -> Result<Detection, DetectorError> {
    let (mut seen, mut failed) = (Vec::new(), Vec::new());
    for (source, answer) in answers {
        match answer {
            Ok(detection) => seen.push(detection),
            Err(error) => failed.push((source, error)),
        }
    }
    if examined.is_none() && seen.is_empty() && !failed.is_empty() {
        return Err(all_failed(&failed));
    }
    let Examined { carried, measured } = examined.unwrap_or_default();
    let failed = failed.into_iter().map(|(name, error)| FailedDetector { name, reason: in_short(reason(&error)) });
    let failed = Detection { failed: failed.collect(), ..Detection::default() };
    Ok(merged([carried].into_iter().chain(seen).chain([measured, failed])))
}

fn all_failed(failed: &[(Source, DetectorError)]) -> DetectorError {
    let reasons: Vec<_> = failed.iter().map(|(source, error)| format!("{source}: {}", reason(error))).collect();
    let reasons = reasons.join("; ");
    match failed.iter().any(|(_, error)| matches!(error, DetectorError::Unavailable(_))) {
        true => DetectorError::Unavailable(reasons),
        false => DetectorError::Unreadable(reasons),
    }
}

pub(super) fn reason(error: &DetectorError) -> &str {
    match error {
        DetectorError::Unavailable(why) | DetectorError::Unreadable(why) => why,
    }
}

fn in_short(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use labelcast_functions::model::{Confidence, Label};

    use super::*;

    fn found(source: &str, names: &[&str]) -> Detection {
        let source: Source = source.parse().unwrap();
        let label = |name: &&str| Label::new(name.parse().unwrap(), Confidence::FULL).found_by(&source);
        Detection { labels: names.iter().map(label).collect(), ..Detection::default() }
    }

    fn answer(source: &str, answer: Result<Detection, DetectorError>) -> Answer {
        (source.parse().unwrap(), answer)
    }

    fn away() -> DetectorError {
        DetectorError::Unavailable("it is away".to_owned())
    }

    fn unreadable() -> DetectorError {
        DetectorError::Unreadable("it answered NaN".to_owned())
    }

    #[test]
    fn labels_of_models_come_between_keywords_and_measurements() {
        let examined =
            Examined { carried: found("builtin", &["holiday"]), measured: found("builtin", &["landscape", "sharp"]) };
        let answers =
            vec![answer("one", Ok(found("one", &["animal", "cat"]))), answer("two", Ok(found("two", &["cat"])))];
        let whole = together(Some(examined), answers).unwrap();
        let names: Vec<_> = whole.labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["holiday", "animal", "cat", "landscape", "sharp"]);
        assert!(whole.failed.is_empty());
    }

    #[test]
    fn a_picture_is_labelled_by_those_that_worked_and_says_which_did_not() {
        let answers = vec![answer("one", Err(away())), answer("two", Ok(found("two", &["cat"])))];
        let whole = together(None, answers).unwrap();
        assert_eq!(whole.labels.len(), 1);
        assert_eq!(whole.failed, [FailedDetector { name: "one".parse().unwrap(), reason: "it is away".to_owned() }]);
        let examined = Examined::default();
        assert_eq!(together(Some(examined), vec![answer("one", Err(unreadable()))]).unwrap().failed.len(), 1);
    }

    #[test]
    fn where_none_worked_the_job_fails_for_now_if_it_does_for_one_of_them() {
        let error = together(None, vec![answer("one", Err(unreadable())), answer("two", Err(away()))]).unwrap_err();
        assert_eq!(error, DetectorError::Unavailable("one: it answered NaN; two: it is away".to_owned()));
        let error = together(None, vec![answer("one", Err(unreadable()))]).unwrap_err();
        assert_eq!(error, DetectorError::Unreadable("one: it answered NaN".to_owned()));
    }
}
