//! Every setting, read by both backends: the options of `labelcast serve`, and the environment of a function.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::FromArgMatches;
use labelcast::cli::{self, ServeArguments};
use labelcast_aws::environment::Environment;
use labelcast_functions::settings::{ReaderRule, Readers, Setting, Settings, table};

/// Name, default, least, most, the backends that read it. Whoever changes one changes what operators rely on.
const DECLARED: &str = "\
MAX_CONNECTIONS 15000 1 1000000 option
UNAUTHENTICATED_PER_ADDRESS 1000 1 1000000 option
UPLOADS_PER_HOUR 5000 1 1000000000 option variable
CONNECTIONS_PER_USER 10000 1 1000000 option variable
TOPICS_PER_CONNECTION 100 1 200 option variable
MESSAGES_PER_SECOND 50 1 100000 option variable
PING_SECONDS 25 1 600 option
MAX_LABELS 20 1 50 option variable
MIN_CONFIDENCE 85 0 100 option variable
MAX_ATTEMPTS 3 1 100 option variable
MAX_BACKLOG 10000 1 1000000 option
REPLAY_LIMIT 1000 0 100000 option variable
HISTORY_HOURS 24 1 87600 option variable
HISTORY_ENTRIES 10000 0 1000000000 option variable
UNUSED_TOPIC_DAYS 90 1 3650 option variable
NEW_DAYS 1 1 3650 option
REJECTED_DAYS 7 1 3650 option
MAX_UPLOAD_BYTES 15728640 1 15728640 variable
RECEIVERS_AT_ONCE 5000 1 20000 variable
WATERMARK_SECONDS 1200 1 86400 variable
POSTS_PER_SECOND 5000 1 1000000 variable
";

/// What `labelcast serve` reads, or the sentence that it refuses with.
fn from_options(given: &[(&'static Setting, &str)]) -> Result<ServeArguments, String> {
    let options = given.iter().map(|(setting, value)| format!("--{}={value}", setting.option.expect("it has one")));
    let arguments = ["labelcast", "serve"].map(str::to_owned).into_iter().chain(options);
    let matches = cli::command().try_get_matches_from(arguments).map_err(|error| error.to_string())?;
    let serve = matches.subcommand_matches("serve").expect("serve was asked for");
    ServeArguments::from_arg_matches(serve).map_err(|error| error.to_string())
}

/// The environment of a function for which this is set.
fn environment(given: &[(&'static Setting, &str)]) -> Environment {
    let variables: Vec<(&str, String)> =
        given.iter().map(|(setting, value)| (setting.variable.expect("it has one"), (*value).to_owned())).collect();
    Environment::new(move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
}

/// What each reader of a setting makes of a value, with the words that it calls the setting by.
fn readings(setting: &'static Setting, value: &str) -> Vec<(String, Result<u32, String>)> {
    let by_option = setting.option.map(|option| {
        let read = from_options(&[(setting, value)]).map(|arguments| arguments.number(setting));
        (format!("--{option} <"), read)
    });
    let by_variable = setting.variable.map(|variable| {
        let read = environment(&[(setting, value)]).number(setting).map_err(|error| error.to_string());
        (variable.to_owned(), read)
    });
    by_option.into_iter().chain(by_variable).collect()
}

#[test]
fn the_declared_settings_are_those_operators_rely_on() {
    let mut declared = String::new();
    for setting in table::ALL {
        let [default, least, most] = [setting.default, setting.least, setting.most].map(|value| setting.write(value));
        let _ = write!(declared, "{} {default} {least} {most}", setting.name);
        let _ = write!(declared, "{}", setting.option.map(|_| " option").unwrap_or_default());
        let _ = writeln!(declared, "{}", setting.variable.map(|_| " variable").unwrap_or_default());
    }
    assert_eq!(declared, DECLARED);
}

#[test]
fn a_setting_has_the_same_name_everywhere() {
    let mut names = BTreeSet::new();
    for setting in table::ALL {
        assert!(names.insert(setting.name), "{} is declared twice", setting.name);
        assert!(setting.option.is_some() || setting.variable.is_some(), "nobody reads {}", setting.name);
        if let Some(option) = setting.option {
            assert_eq!(option.replace('-', "_").to_uppercase(), setting.name);
        }
        if let Some(variable) = setting.variable {
            assert_eq!(variable, format!("LABELCAST_{}", setting.name));
        }
        assert!(!setting.about.is_empty() && !setting.about.ends_with('.'), "{}", setting.about);
    }
}

#[test]
fn the_bounds_are_accepted_and_values_beyond_are_refused_naming_them() {
    for setting in table::ALL {
        for value in [setting.least, setting.default, setting.most] {
            for (name, read) in readings(setting, &setting.write(value)) {
                assert_eq!(read, Ok(value), "{name}");
            }
        }
        let below = setting.least.checked_sub(1).map_or_else(|| "-1".to_owned(), |value| setting.write(value));
        let above = setting.write(setting.most + 1);
        let [least, most] = [setting.least, setting.most].map(|value| setting.write(value));
        let kind = if setting.name == "MIN_CONFIDENCE" { "number" } else { "whole number" };
        let sentence = format!("must be a {kind} from {least} to {most}");
        for wrong in [below.as_str(), &above, "-1", "many", "1e", "99999999999999999999999", " 1"] {
            for (name, read) in readings(setting, wrong) {
                let error = read.expect_err(&format!("{name} is {wrong}"));
                for part in [name.as_str(), wrong, &sentence] {
                    assert!(error.contains(part), "`{part}` is not in: {error}");
                }
            }
        }
    }
}

#[test]
fn both_backends_read_the_same_settings_from_the_same_values() {
    let shared: Vec<&'static Setting> =
        table::ALL.iter().copied().filter(|setting| setting.option.is_some() && setting.variable.is_some()).collect();
    let settings_of = |value: fn(&Setting) -> u32| {
        let texts: Vec<(&'static Setting, String)> =
            shared.iter().map(|setting| (*setting, setting.write(value(setting)))).collect();
        let given: Vec<(&'static Setting, &str)> =
            texts.iter().map(|(setting, text)| (*setting, text.as_str())).collect();
        let one_machine = from_options(&given).expect("all are within their bounds").settings();
        let function = environment(&given).settings().expect("all are within their bounds");
        let [one_machine, function] = [one_machine, function].map(|settings| format!("{settings:#?}"));
        assert_eq!(one_machine, function);
        one_machine
    };
    let least = settings_of(|setting| setting.least);
    let most = settings_of(|setting| setting.most);
    let default = settings_of(|setting| setting.default);
    assert_eq!(default, format!("{:#?}", Settings::default()));
    // Each of them reaches a field of its own.
    let differing = |other: &str| default.lines().zip(other.lines()).filter(|(one, other)| one != other).count();
    assert!(differing(&least) >= shared.len(), "{default}\n{least}");
    assert!(differing(&most) >= shared.len(), "{default}\n{most}");
}

#[test]
fn unset_settings_have_their_defaults() {
    let arguments = from_options(&[]).expect("every option has a default");
    let function = environment(&[]);
    for setting in table::ALL {
        assert_eq!(arguments.number(setting), setting.default, "{}", setting.name);
        assert_eq!(function.number(setting), Ok(setting.default), "{}", setting.name);
    }
}

#[test]
fn both_backends_accept_the_same_reader_rules() {
    let arguments = ["labelcast", "serve", "--reader", "device:*=technicians", "--reader", "runs=*"];
    let matches = cli::command().try_get_matches_from(arguments).expect("rules are taken");
    let serve = matches.subcommand_matches("serve").expect("serve was asked for");
    let one_machine = ServeArguments::from_arg_matches(serve).expect("rules are taken").settings().readers;
    let variable = |name: &str| (name == "LABELCAST_READERS").then(|| "device:*=technicians; runs=*".to_owned());
    let function = Environment::new(variable).settings().expect("rules are taken").readers;
    let rule = |text: &str| text.parse::<ReaderRule>().expect("a rule");
    let expected = format!("{:?}", Readers::new(vec![rule("device:*=technicians"), rule("runs=*")]));
    assert_eq!(format!("{one_machine:?}"), expected);
    assert_eq!(format!("{function:?}"), expected);
}

/// The name that a setting has in `infra/config.yml`, if stacks have it.
fn configured(setting: &Setting, config: &str, functions: &str) -> Option<String> {
    let by_variable = setting.variable.and_then(|variable| {
        let begin = format!("{variable}: ${{self:custom.config.");
        let (_, rest) = functions.split_once(&begin)?;
        rest.split(['}', ',']).next().map(str::to_owned)
    });
    let by_name = || {
        let mut words = setting.name.split('_').map(str::to_lowercase);
        let first = words.next().unwrap_or_default();
        let name = words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..]);
        config.lines().any(|line| line.starts_with(&format!("{name}: "))).then_some(name)
    };
    by_variable.or_else(by_name)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).expect(path)
}

/// `infra/config.yml`, by which stacks are deployed, and what hands its settings to the functions.
fn stack() -> (String, String) {
    (read("infra/config.yml"), ["infra/functions/images.yml", "infra/functions/live.yml"].map(read).concat())
}

#[test]
fn a_stack_is_deployed_with_the_same_defaults() {
    let (config, functions) = stack();
    let mut found = 0;
    for setting in table::ALL {
        let Some(name) = configured(setting, &config, &functions) else { continue };
        let line = config.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        assert_eq!(line, Some(setting.write(setting.default).as_str()), "{name}");
        found += 1;
    }
    assert!(found > 10, "only {found} were compared");
}

/// Packaging refuses exactly what the functions would refuse.
#[test]
fn a_stack_is_packaged_with_the_same_bounds() {
    let (config, functions) = stack();
    let plugin = read("infra/plugins/bounds.js").replace('_', "");
    let (_, bounds) = plugin.split_once("const FUNCTIONBOUNDS = {\n").expect("the plugin lists them");
    let (bounds, _) = bounds.split_once("\n};").expect("the list ends");
    let checked: BTreeSet<&str> = bounds.lines().map(str::trim).collect();
    let expected: BTreeSet<String> = table::ALL
        .iter()
        .filter_map(|setting| {
            let [least, most] = [setting.least, setting.most].map(|value| setting.write(value));
            configured(setting, &config, &functions).map(|name| format!("{name}: [{least}, {most}],"))
        })
        .collect();
    assert_eq!(checked, expected.iter().map(String::as_str).collect());
}
