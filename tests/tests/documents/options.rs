//! The options in `docs/configuration.md` are those of the command line.

use std::fmt::Write;

use clap::{Arg, Command};
use labelcast::cli;

use crate::{page, root};

const BEGIN: &str = "<!-- options: written by `UPDATE_DOCS=1 cargo test --workspace --test documents options` -->\n";
const END: &str = "<!-- end of options -->\n";

#[test]
fn the_configuration_document_lists_every_option_with_its_default_and_variable() {
    let text = page("configuration.md");
    let (before, rest) = text.split_once(BEGIN).expect("where the options begin");
    let (listed, after) = rest.split_once(END).expect("where the options end");
    let mut all = String::new();
    for command in cli::command().get_subcommands() {
        list(command, "labelcast", &mut all);
    }
    all.push('\n');
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = root().join("docs/configuration.md");
        std::fs::write(path, format!("{before}{BEGIN}{all}{END}{after}")).expect("the page is written");
    } else {
        assert_eq!(listed, all, "run this test once with UPDATE_DOCS=1");
    }
}

fn list(command: &Command, above: &str, all: &mut String) {
    if command.get_name() == "help" || command.is_hide_set() {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let options: Vec<&Arg> = command.get_arguments().filter(|option| is_listed(option)).collect();
    if !options.is_empty() {
        let _ = write!(
            all,
            "\n### {name}\n\n{about}.\n\n| option | default | variable | meaning |\n| --- | --- | --- | --- |\n"
        );
        for option in options {
            row(option, all);
        }
    }
    for inner in command.get_subcommands() {
        list(inner, &name, all);
    }
}

fn is_listed(option: &Arg) -> bool {
    !option.is_hide_set() && !matches!(option.get_id().as_str(), "help" | "version")
}

fn row(option: &Arg, all: &mut String) {
    let names = option.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let value = if option.get_action().takes_values() { names.collect::<Vec<_>>().join(" ") } else { String::new() };
    let called = option.get_long().map_or_else(|| value.clone(), |long| format!("--{long} {value}"));
    let defaults: Vec<String> =
        option.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let defaults = if option.get_action().takes_values() { defaults.join(" ") } else { String::new() };
    let variable = option.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
    let mut meaning = option.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> =
        option.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if option.get_action().takes_values() && !values.is_empty() {
        let _ = write!(meaning, ": {}", values.join(", "));
    }
    let cells = [format!("`{}`", called.trim()), defaults, variable, meaning].map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(all, "| {} |", cells.join(" | "));
}
