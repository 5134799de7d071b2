//! Metrics and settings: the documents list exactly those that exist.

use std::collections::{BTreeMap, BTreeSet};

use fancy_regex::Regex;

use crate::{files, page, root};

/// The rows of a page's tables, without their heads: the text of each cell.
fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        // A bar within a cell is written `\|`.
        let line = line.replace("\\|", "\u{0}");
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
    })
    .collect()
}

fn unquoted(cell: &str) -> BTreeSet<String> {
    cell.split(", ").map(|word| word.trim_matches('`').to_owned()).filter(|word| !word.is_empty()).collect()
}

/// A metric's kind and labels.
type Metric = (String, BTreeSet<String>);

fn metrics_of_the_code() -> BTreeMap<String, Metric> {
    let call = Regex::new(
        r#"(counter|gauge|histogram)!\(\s*"(labelcast_[a-z_]+)"([^;]*?)\)\s*\.(?:increment|decrement|set|record)"#,
    )
    .unwrap();
    let label = Regex::new(r#""([a-z_]+)"\s*=>"#).unwrap();
    // Handed over to what counts.
    let named = Regex::new(r#""(labelcast_[a-z_]+_total)""#).unwrap();
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let sources = files(&[".rs"]).into_iter();
    for (_, text) in sources.filter(|(place, _)| place.starts_with("functions/src") || place.starts_with("infra/")) {
        for found in call.captures_iter(text.as_str()).map(Result::unwrap) {
            let labels = label.captures_iter(&found[3]).map(|label| label.unwrap()[1].to_owned());
            let metric = metrics.entry(found[2].to_owned()).or_insert_with(|| (found[1].to_owned(), BTreeSet::new()));
            assert_eq!(metric.0, found[1], "{} has two kinds", &found[2]);
            metric.1.extend(labels);
        }
        for found in named.captures_iter(text.as_str()).map(Result::unwrap) {
            metrics.entry(found[1].to_owned()).or_insert_with(|| ("counter".to_owned(), BTreeSet::new()));
        }
    }
    metrics
}

#[test]
fn the_metrics_document_lists_exactly_the_existing_metrics_with_kind_and_labels() {
    let listed: BTreeMap<String, Metric> = rows(&page("metrics.md"))
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), (row[1].clone(), unquoted(&row[2]))))
        .collect();
    let there_are = metrics_of_the_code();
    let missing: Vec<_> = there_are.iter().filter(|(name, metric)| listed.get(*name) != Some(metric)).collect();
    let gone: Vec<_> = listed.keys().filter(|name| !there_are.contains_key(*name)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/metrics.md lacks, or has otherwise: {missing:#?}\ngone: {gone:?}"
    );
}

#[test]
fn no_document_names_a_metric_that_does_not_exist() {
    let there_are = metrics_of_the_code();
    let named = Regex::new(r"`(labelcast_[a-z_]+?)(?:_bucket|_count|_sum)?(?:\{[^}]*\})?`").unwrap();
    for (place, text) in files(&[".md"]) {
        for found in named.captures_iter(text.as_str()).map(Result::unwrap) {
            let cookie = matches!(&found[1], "labelcast_form" | "labelcast_session");
            assert!(cookie || there_are.contains_key(&found[1]), "{place}: there is no metric `{}`", &found[1]);
        }
    }
}

#[test]
fn the_settings_document_lists_exactly_the_stacks_settings_with_defaults() {
    let text = std::fs::read_to_string(root().join("infra/config.yml")).unwrap();
    let setting = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    let there_are: BTreeMap<String, String> =
        text.lines().filter(|line| !line.starts_with(['#', ' '])).filter_map(setting).collect();
    let page = page("configuration.md");
    let (_, stack) = page.split_once("## infra/config.yml\n").expect("a part for infra/config.yml");
    let listed: BTreeMap<String, String> = rows(stack)
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].trim_matches('`').to_owned()))
        .collect();
    assert_eq!(listed, there_are);
}
