//! One setting: its names, its bounds, and its parsing.

use crate::model::Confidence;

/// A number that an operator can set. Every backend reads it by what is said here, from its own place.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name of its declaration.
    pub name: &'static str,
    /// The option of `labelcast serve`, without its dashes; `None` where it means nothing on one machine.
    pub option: Option<&'static str>,
    /// The variable that `serverless.yml` gives to functions; `None` where no function needs it.
    pub variable: Option<&'static str>,
    /// What it counts, and what its numbers below are.
    pub unit: Unit,
    /// What holds if nobody sets it.
    pub default: u32,
    /// The least value that works.
    pub least: u32,
    /// The highest value that works.
    pub most: u32,
    /// What it is for, as the help says it.
    pub about: &'static str,
}

/// What a setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Percent, with up to two digits after the point; as a number in hundredths of it.
    Percent,
}

/// The text is no value that the setting can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a {} from {} to {}", .0.kind(), .0.write(.0.least), .0.write(.0.most))]
pub struct OutOfBounds(pub &'static Setting);

impl Setting {
    /// Reads a value within the bounds.
    pub fn read(&'static self, text: &str) -> Result<u32, OutOfBounds> {
        let number = match self.unit {
            Unit::Percent => {
                text.parse().ok().and_then(Confidence::from_percent).map(|percent| percent.hundredths().into())
            }
            _ => text.parse().ok(),
        };
        number.filter(|number| (self.least..=self.most).contains(number)).ok_or(OutOfBounds(self))
    }

    const fn kind(&self) -> &'static str {
        match self.unit {
            Unit::Percent => "number",
            _ => "whole number",
        }
    }

    /// A value as [`read`](Self::read) takes it.
    pub fn write(&self, value: u32) -> String {
        match self.unit {
            Unit::Percent => (f64::from(value) / 100.0).to_string(),
            _ => value.to_string(),
        }
    }
}

/// Declares settings, each once, and lists them all.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $name:ident: $unit:ident, $default:literal in $least:literal..=$most:literal
        $(, option $option:literal)? $(, variable $variable:literal)?;
    )+) => {
        $(
            $(#[doc = $about])+
            pub static $name: Setting = Setting {
                name: stringify!($name),
                option: first(&[$($option)?]),
                variable: first(&[$($variable)?]),
                unit: Unit::$unit,
                default: $default,
                least: $least,
                most: $most,
                about: concat!($($about),+).trim_ascii(),
            };
            const _: () = assert!($least <= $default && $default <= $most);
        )+

        /// Every setting, in the order of their declarations.
        pub static ALL: &[&Setting] = &[$(&$name),+];
    };
}

pub(super) use settings;

/// What was given, if anything was.
pub(super) const fn first(given: &[&'static str]) -> Option<&'static str> {
    match given {
        [one, ..] => Some(one),
        [] => None,
    }
}
