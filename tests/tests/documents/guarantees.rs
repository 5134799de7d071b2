//! Promises are documented in `docs/guarantees.md`; code links there.

use fancy_regex::Regex;

use crate::{anchors, files, page};

const SOURCES: [&str; 10] = [".rs", ".ts", ".svelte", ".py", ".mjs", ".js", ".yml", ".toml", ".sh", ".md"];

#[test]
fn no_rule_is_referred_to_by_number() {
    let numbered = Regex::new(r"(?i)\b(rule|promise)s? [0-9]").unwrap();
    let mut found = Vec::new();
    for (place, text) in files(&SOURCES) {
        let speaks_of_one = |line: &str| ["ule", "romise"].iter().any(|word| line.contains(word));
        let lines = text.lines().enumerate().filter(|(_, line)| speaks_of_one(line));
        for (line, text) in lines.filter(|(_, line)| numbered.is_match(line).unwrap()) {
            found.push(format!("{place}:{}: {}", line + 1, text.trim()));
        }
    }
    assert!(found.is_empty(), "say the rule, or link to its heading in docs/guarantees.md:\n{}", found.join("\n"));
}

#[test]
fn every_link_to_a_guarantee_resolves() {
    let anchors = anchors(&page("guarantees.md"));
    let link = Regex::new(r"guarantees\.md#([A-Za-z0-9_-]+)").unwrap();
    // Further ones in the same line leave the document's name out.
    let further = Regex::new(r"`#([a-z][a-z0-9-]+)`").unwrap();
    let mut dead = Vec::new();
    for (place, text) in files(&SOURCES) {
        for (line, text) in text.lines().enumerate().filter(|(_, line)| line.contains("guarantees.md#")) {
            for found in link.captures_iter(text).chain(further.captures_iter(text)) {
                let anchor = found.unwrap()[1].to_owned();
                if !anchors.contains(&anchor) {
                    dead.push(format!("{place}:{}: #{anchor}", line + 1));
                }
            }
        }
    }
    assert!(dead.is_empty(), "no such heading in docs/guarantees.md:\n{}", dead.join("\n"));
}
