//! What becomes of an image with a moderation label.

use std::str::FromStr;

use crate::model::{Confidence, LabelName, ModerationLabel};

/// What a moderation label does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModerationAction {
    /// Nothing: it is as if it had not been found.
    Ignore,
    /// Hides the image until a moderator decides; nobody is alerted.
    Hide,
    /// Hides the image and alerts the moderators. So it is unless a rule says otherwise.
    Alert,
}

/// `NAME=ACTION` or `NAME=ACTION:PERCENT`, for a moderation label and those below it; `*` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModerationRule {
    /// Whose rule it is; `None` for any.
    name: Option<LabelName>,
    action: ModerationAction,
    /// From which confidence on such a label counts; the detector's own minimum if not given.
    at_least: Option<Confidence>,
}

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` isn't a valid rule. Write LABEL=alert, LABEL=hide or LABEL=ignore, with a minimum confidence if you like, for \
     example `Explicit=alert:90` or `*=hide`"
)]
pub struct ModerationRuleError(String);

impl FromStr for ModerationRule {
    type Err = ModerationRuleError;
    fn from_str(text: &str) -> Result<Self, ModerationRuleError> {
        let wrong = || ModerationRuleError(text.to_owned());
        let (name, rule) = text.split_once('=').ok_or_else(wrong)?;
        let (action, percent) = match rule.split_once(':') {
            Some((action, percent)) => (action, Some(percent)),
            None => (rule, None),
        };
        let action = match action.trim() {
            "ignore" if percent.is_none() => ModerationAction::Ignore,
            "hide" => ModerationAction::Hide,
            "alert" => ModerationAction::Alert,
            _ => return Err(wrong()),
        };
        let read = |percent: &str| percent.trim().parse().ok().and_then(Confidence::from_percent).ok_or_else(wrong);
        let name = match name.trim() {
            "*" => None,
            name => Some(LabelName::fold(name).ok_or_else(wrong)?),
        };
        Ok(Self { name, action, at_least: percent.map(read).transpose()? })
    }
}

/// Which moderation labels count, and for what. The rule of the label itself decides, else that of the nearest name above it,
/// else that of `*`.
#[derive(Debug, Clone, Default)]
pub struct ModerationRules(Vec<ModerationRule>);

/// What was made of a picture's moderation labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Those that count: with any, the image is hidden.
    pub labels: Vec<ModerationLabel>,
    /// Whether moderators are alerted.
    pub alerts: bool,
}

impl ModerationRules {
    /// Of several for the same name, the first counts.
    pub fn new(rules: Vec<ModerationRule>) -> Self {
        Self(rules)
    }

    /// The lowest confidence from which any label may count, for a detector whose own minimum is `default`.
    pub fn lowest(&self, default: Confidence) -> Confidence {
        self.0.iter().filter_map(|rule| rule.at_least).chain([default]).min().unwrap_or(default)
    }

    /// Those of a detector's labels that it is sure enough of: by the rules, else by its own minimum, `default`.
    pub fn sure(&self, hits: Vec<ModerationLabel>, default: Confidence) -> Vec<ModerationLabel> {
        let at_least = |hit: &ModerationLabel| self.of(hit, &hits).and_then(|rule| rule.at_least).unwrap_or(default);
        let sure: Vec<bool> = hits.iter().map(|hit| hit.confidence >= at_least(hit)).collect();
        hits.into_iter().zip(sure).filter_map(|(hit, sure)| sure.then_some(hit)).collect()
    }

    /// What becomes of the image. A label that stands here only because of those below it, goes with them.
    pub fn judge(&self, hits: Vec<ModerationLabel>) -> Judged {
        let actions: Vec<_> = hits.iter().map(|hit| self.action(hit, &hits, LEVELS)).collect();
        let alerts = actions.contains(&ModerationAction::Alert);
        let counts = |(hit, action)| (action != ModerationAction::Ignore).then_some(hit);
        Judged { labels: hits.into_iter().zip(actions).filter_map(counts).collect(), alerts }
    }

    /// `levels` that may still be below it: names that lie in a circle come to an end.
    fn action(&self, hit: &ModerationLabel, hits: &[ModerationLabel], levels: usize) -> ModerationAction {
        if let Some(own) = self.named(&hit.name) {
            return own.action;
        }
        let below = hits.iter().filter(|other| levels > 0 && other.parent == hit.name && other.name != hit.name);
        let below = below.map(|other| self.action(other, hits, levels - 1)).max();
        below.unwrap_or_else(|| self.of(hit, hits).map_or(ModerationAction::Alert, |rule| rule.action))
    }

    /// The rule that decides.
    fn of(&self, hit: &ModerationLabel, hits: &[ModerationLabel]) -> Option<&ModerationRule> {
        let mut above = Some(hit);
        for _ in 0..LEVELS {
            let Some(here) = above else { break };
            if let Some(rule) = self.named(&here.name).or_else(|| self.named(&here.parent)) {
                return Some(rule);
            }
            above = hits.iter().find(|other| other.name == here.parent);
        }
        self.0.iter().find(|rule| rule.name.is_none())
    }

    fn named(&self, name: &str) -> Option<&ModerationRule> {
        let name = LabelName::fold(name)?;
        self.0.iter().find(|rule| rule.name.as_ref() == Some(&name))
    }
}

/// Rekognition's taxonomy has three levels.
const LEVELS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[&str]) -> ModerationRules {
        ModerationRules::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    fn hit(name: &str, parent: &str, percent: f64) -> ModerationLabel {
        let confidence = Confidence::from_percent(percent).unwrap();
        ModerationLabel { name: name.to_owned(), parent: parent.to_owned(), confidence, source: None }
    }

    fn gore() -> Vec<ModerationLabel> {
        vec![
            hit("Violence", "", 90.0),
            hit("Graphic Violence", "Violence", 90.0),
            hit("Blood & Gore", "Graphic Violence", 90.0),
        ]
    }

    /// How many labels count, and whether moderators are alerted.
    fn judged(given: &[&str], hits: Vec<ModerationLabel>) -> (usize, bool) {
        let Judged { labels, alerts } = rules(given).judge(hits);
        (labels.len(), alerts)
    }

    #[test]
    fn every_moderation_label_alerts_unless_a_rule_says_otherwise() {
        assert_eq!(judged(&[], gore()), (3, true));
        assert_eq!(judged(&["*=hide"], gore()), (3, false));
        assert_eq!(judged(&["*=ignore"], gore()), (0, false));
        assert_eq!(judged(&["Alcohol=ignore"], gore()), (3, true));
        assert_eq!(judged(&["*=alert"], Vec::new()), (0, false));
    }

    #[test]
    fn a_rule_holds_for_what_is_below_its_name_and_a_nearer_one_comes_first() {
        assert_eq!(judged(&["violence=ignore"], gore()), (0, false));
        assert_eq!(judged(&["Violence=hide", "Blood & Gore=alert"], gore()), (3, true));
        assert_eq!(judged(&["*=ignore", "Violence=hide"], gore()), (3, false));
        let deep = vec![hit("Blood & Gore", "Graphic Violence", 90.0)];
        assert_eq!(judged(&["Graphic Violence=ignore"], deep), (0, false), "the names above need not be there");
    }

    #[test]
    fn parents_of_an_ignored_label_are_dropped_with_it() {
        assert_eq!(judged(&["Blood & Gore=ignore"], gore()), (0, false));
        let more = [gore(), vec![hit("Weapons", "Violence", 90.0)]].concat();
        assert_eq!(judged(&["Blood & Gore=ignore"], more), (2, true), "Violence and Weapons stay");
    }

    #[test]
    fn a_rule_can_ask_for_more_or_less_than_the_detector_does() {
        let default = Confidence::from_percent(80.0).unwrap();
        let sure = |given: &[&str], percent| rules(given).sure(vec![hit("Explicit", "", percent)], default).len();
        assert_eq!((sure(&[], 79.9), sure(&[], 80.0)), (0, 1));
        assert_eq!((sure(&["Explicit=alert:95"], 90.0), sure(&["*=hide:60"], 61.0)), (0, 1));
        assert_eq!(rules(&["Explicit=alert:60", "*=hide:95"]).lowest(default).hundredths(), 6_000);
    }

    #[test]
    fn names_in_a_circle_come_to_an_end() {
        let circle = vec![hit("a", "b", 90.0), hit("b", "a", 90.0), hit("c", "c", 90.0)];
        assert_eq!(judged(&["x=hide"], circle), (3, true));
    }

    #[test]
    fn a_malformed_rule_is_refused_with_an_example() {
        for bad in ["Explicit", "=alert", "Explicit=block", "Explicit=ignore:50", "Explicit=hide:101", "a=hide:x"] {
            let error = bad.parse::<ModerationRule>().unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains("Explicit=alert:90"), "{error}");
        }
    }
}
