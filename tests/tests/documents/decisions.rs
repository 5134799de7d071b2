//! Decisions have a number, a date and a status, and are listed.

use std::collections::BTreeSet;

use fancy_regex::Regex;

use crate::{files, page};

#[test]
fn every_decision_has_a_unique_number_a_title_a_date_and_a_status() {
    let name = Regex::new(r"^docs/decisions/(\d{4})-[a-z0-9-]+\.md$").unwrap();
    let form = Regex::new(
        r"\A# .+\n\nDate: \d{4}-\d\d-\d\d\. Status: (accepted|superseded by \[\d{4}\]\([a-z0-9-]+\.md\))\.\n\n",
    )
    .unwrap();
    let mut numbers = BTreeSet::new();
    for (place, text) in decisions() {
        let number = name.captures(place.as_str()).unwrap().unwrap_or_else(|| panic!("{place}: call it NNNN-words.md"));
        assert!(numbers.insert(number[1].to_owned()), "{place}: another decision has this number");
        assert!(
            form.is_match(&text).unwrap(),
            "{place}: begin with `# Title`, an empty line and `Date: YYYY-MM-DD. Status: accepted.`"
        );
    }
}

#[test]
fn the_index_lists_every_decision_with_its_title_date_and_status() {
    let list = page("decisions/README.md");
    let said = Regex::new(r"\A# (.+)\n\nDate: (\S+)\. Status: (.+)\.\n").unwrap();
    let expected: Vec<String> = decisions()
        .iter()
        .map(|(place, text)| {
            let file = place.rsplit('/').next().unwrap();
            let said =
                said.captures(text.as_str()).unwrap().unwrap_or_else(|| panic!("{place}: no title, date and status"));
            format!("| [{}]({file}) | {} | {} | {} |", &file[..4], &said[1], &said[2], &said[3])
        })
        .collect();
    let listed: Vec<&str> = list.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(listed, expected);
}

fn decisions() -> Vec<(String, String)> {
    let all = files(&[".md"]).into_iter();
    all.filter(|(place, _)| place.starts_with("docs/decisions/") && !place.ends_with("/README.md")).collect()
}
