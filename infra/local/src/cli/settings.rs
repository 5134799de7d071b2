//! Turns the table of settings into options of `serve`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use labelcast_functions::settings::{Setting, Settings, Unit, table};

/// The settings given as options.
#[derive(Debug, Clone)]
pub(super) struct SettingOptions(HashMap<&'static str, u32>);

/// An option of the table, with its default as text that lives as long as clap's references to it.
static OPTIONS: LazyLock<Vec<(&'static Setting, &'static str, String)>> = LazyLock::new(|| {
    let options =
        table::ALL.iter().filter_map(|setting| Some((*setting, setting.option?, setting.write(setting.default))));
    options.collect()
});

impl SettingOptions {
    /// The value of a setting, given or default.
    pub(super) fn number(&self, setting: &Setting) -> u32 {
        self.0.get(setting.name).copied().unwrap_or(setting.default)
    }

    /// The settings of the functions.
    pub(super) fn settings(&self) -> Settings {
        let Ok(settings) = Settings::read(|setting| Ok::<_, Infallible>(self.0.get(setting.name).copied()));
        settings
    }
}

fn argument((setting, option, default): &'static (&'static Setting, &'static str, String)) -> Arg {
    let setting = *setting;
    Arg::new(*option)
        .long(*option)
        .help(setting.about)
        .value_name(if setting.unit == Unit::Percent { "PERCENT" } else { "N" })
        .default_value(default.as_str())
        .value_parser(move |text: &str| setting.read(text))
}

impl Args for SettingOptions {
    fn augment_args(command: Command) -> Command {
        command.args(OPTIONS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = OPTIONS.iter().map(|(setting, option, _)| {
            let value =
                matches.try_get_one::<u32>(option).map_err(|error| Error::raw(ErrorKind::ValueValidation, error))?;
            Ok(value.map(|value| (setting.name, *value)))
        });
        given.filter_map(Result::transpose).collect::<Result<_, Error>>().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
