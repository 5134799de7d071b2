//! The environment variables that `serverless.yml` gives to a function.

use std::num::NonZeroU32;
use std::str::FromStr;

use chrono::TimeDelta;
use labelcast_functions::settings::{ModerationRule, ModerationRules, ReaderRule, Readers, Setting, Settings, table};

/// 4 days, as SQS keeps messages by default.
const ANALYSES_KEPT_SECONDS: u32 = 4 * 24 * 3_600;

/// A function was deployed without something that it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that the function needs is not set.
    #[error("the environment variable {0} is missing: see `environment` in serverless.yml")]
    Missing(&'static str),
    /// A variable has a value that cannot be read.
    #[error("invalid value `{value}` of {name}: {why}")]
    Unreadable {
        /// The variable's name.
        name: &'static str,
        /// The value that it has.
        value: String,
        /// What the value should be.
        why: String,
    },
}

/// The result of reading the environment.
pub type Result<T> = std::result::Result<T, EnvironmentError>;

/// Where values come from: the process's own environment, or a test's.
pub struct Environment {
    lookup: Box<Lookup>,
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// An environment from any lookup, for tests.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup) }
    }

    /// A value that has to be there.
    pub fn needed(&self, name: &'static str) -> Result<String> {
        self.optional(name).ok_or(EnvironmentError::Missing(name))
    }

    /// A value that may be missing; an empty one is missing too.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A value of some kind, or what it is by default.
    pub fn or<T>(&self, name: &'static str, default: T) -> Result<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.optional(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|error: T::Err| unreadable(name, &value, &error)),
        }
    }

    /// A setting of the table; `None` where it is not set, or no function reads it.
    fn given(&self, setting: &'static Setting) -> Result<Option<u32>> {
        let Some(name) = setting.variable else { return Ok(None) };
        let read = |value: String| setting.read(&value).map_err(|error| unreadable(name, &value, &error));
        self.optional(name).map(read).transpose()
    }

    /// What a setting is: as it is set, or as it is by default.
    pub fn number(&self, setting: &'static Setting) -> Result<u32> {
        self.given(setting).map(|given| given.unwrap_or(setting.default))
    }

    /// What an operator sets in `infra/config.yml`; what is not set is as documented.
    pub fn settings(&self) -> Result<Settings> {
        let readers = Readers::new(self.rules::<ReaderRule>("LABELCAST_READERS")?);
        let moderation = ModerationRules::new(self.rules::<ModerationRule>("LABELCAST_MODERATION")?);
        Ok(Settings { readers, moderation, ..Settings::read(|setting| self.given(setting))? })
    }

    /// Receivers of a notification that one run of `notify` serves.
    pub fn receivers_at_once(&self) -> Result<usize> {
        self.number(&table::RECEIVERS_AT_ONCE).map(|receivers| receivers as usize)
    }

    /// How long the delivered watermark waits for a notification that nobody has finished pushing. `serverless.yml` knows how
    /// long attempts at it may take, and packages nothing that could take longer.
    pub fn watermark(&self) -> Result<TimeDelta> {
        self.number(&table::WATERMARK_SECONDS).map(|seconds| TimeDelta::seconds(seconds.into()))
    }

    /// How long a job may wait in the queue before `analyze`; `serverless.yml` gives the queue the same.
    pub fn analyses_kept(&self) -> Result<TimeDelta> {
        self.or("LABELCAST_ANALYSES_KEPT_SECONDS", ANALYSES_KEPT_SECONDS)
            .map(|seconds| TimeDelta::seconds(seconds.into()))
    }

    /// Posts a second to sockets that all runs share; `None` where none is set.
    pub fn posts_per_second(&self) -> Result<Option<NonZeroU32>> {
        self.given(&table::POSTS_PER_SECOND).map(|given| given.and_then(NonZeroU32::new))
    }

    /// Rules, separated by `;`.
    fn rules<R>(&self, name: &'static str) -> Result<Vec<R>>
    where
        R: FromStr,
        R::Err: std::fmt::Display,
    {
        let rules = self.optional(name).unwrap_or_default();
        let rules = rules.split(';').map(str::trim).filter(|rule| !rule.is_empty());
        rules.map(|rule| rule.parse().map_err(|error: R::Err| unreadable(name, rule, &error))).collect()
    }
}

pub(crate) fn unreadable(name: &'static str, value: &str, why: &dyn std::fmt::Display) -> EnvironmentError {
    EnvironmentError::Unreadable { name, value: value.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Environment {
        Environment::new(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = with(&[("LABELCAST_BUS", "")]).needed("LABELCAST_BUS").unwrap_err();
        assert!(error.to_string().contains("LABELCAST_BUS"), "{error}");
    }

    #[test]
    fn settings_are_read_and_defaults_match_the_documentation() {
        let environment = with(&[
            ("LABELCAST_MIN_CONFIDENCE", "70.5"),
            ("LABELCAST_HISTORY_HOURS", "48"),
            ("LABELCAST_READERS", "device:*=technicians; runs=*"),
            ("LABELCAST_MODERATION", "Alcohol=ignore; Explicit=alert:60"),
        ]);
        let settings = environment.settings().unwrap();
        assert_eq!((settings.min_confidence.hundredths(), settings.history_age.num_hours()), (7_050, 48));
        assert_eq!(settings.moderation.lowest(settings.min_confidence).hundredths(), 6_000);
        assert_eq!(settings.max_labels, Settings::default().max_labels);
    }

    #[test]
    fn the_watermark_waits_for_the_configured_time() {
        assert_eq!(with(&[]).watermark(), Ok(TimeDelta::minutes(20)));
        assert_eq!(with(&[("LABELCAST_WATERMARK_SECONDS", "60")]).watermark(), Ok(TimeDelta::minutes(1)));
        let error = with(&[("LABELCAST_WATERMARK_SECONDS", "-1")]).watermark().unwrap_err().to_string();
        assert!(error.contains("LABELCAST_WATERMARK_SECONDS"), "{error}");
    }

    #[test]
    fn a_rate_of_zero_posts_means_no_limit() {
        assert_eq!(with(&[]).posts_per_second(), Ok(None));
        assert_eq!(with(&[("LABELCAST_POSTS_PER_SECOND", "7")]).posts_per_second(), Ok(NonZeroU32::new(7)));
        let error = with(&[("LABELCAST_POSTS_PER_SECOND", "0")]).posts_per_second().unwrap_err().to_string();
        assert!(error.contains("LABELCAST_POSTS_PER_SECOND"), "{error}");
    }

    #[test]
    fn an_invalid_setting_is_named_with_its_value() {
        let error = with(&[("LABELCAST_READERS", "labels=*")]).settings().unwrap_err().to_string();
        assert!(error.contains("LABELCAST_READERS") && error.contains("labels=*"), "{error}");
        let error = with(&[("LABELCAST_MODERATION", "Explicit")]).settings().unwrap_err().to_string();
        assert!(error.contains("LABELCAST_MODERATION") && error.contains("`Explicit`"), "{error}");
    }
}
