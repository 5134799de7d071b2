//! Links between documents.

use fancy_regex::Regex;

use crate::{anchors, files, prose, root};

#[test]
fn every_link_in_a_document_resolves() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let documents = files(&[".md"]);
    let mut dead = Vec::new();
    for (place, text) in &documents {
        for (line, prose) in prose(text) {
            for target in link.captures_iter(prose).map(|found| found.unwrap()[1].to_owned()) {
                if !target.contains("://") && !target.starts_with("mailto:") && !leads_somewhere(place, &target) {
                    dead.push(format!("{place}:{}: {target}", line + 1));
                }
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

fn leads_somewhere(place: &str, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let here = root().join(place);
    let path = if file.is_empty() { here } else { here.parent().unwrap().join(file) };
    match anchor {
        None => path.exists(),
        Some(anchor) => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            anchors(&text).iter().any(|known| known == anchor)
        }
    }
}
