//! The table of labels: for each class the label that people read, and up to four broader ones.

use std::path::Path;

use labelcast_functions::model::LabelName;

use super::error::ModelError;
use super::fields::text_of;
use crate::results::{Group, Rank};

/// The most broader labels of a class.
const MAX_BROADER: usize = 4;

const CURE: &str = "Write a heading, then for each class a line with its number from 0 on, its label and its broader labels, separated \
    by tabs; broader labels by `|`, at most four";

/// What stands in it.
pub(super) struct Table {
    /// The classes of each label.
    pub(super) groups: Vec<Group<LabelName>>,
    /// Each class's own label.
    pub(super) names: Vec<String>,
}

/// Reads `labels.tsv`.
pub(super) fn read(file: &Path) -> Result<Table, ModelError> {
    let text = text_of(file)?;
    let text =
        text.ok_or_else(|| ModelError::of_file(file, "there is no such file", "Put the table of labels there"))?;
    let mut groups = Groups::default();
    let mut names = Vec::new();
    for (row, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let class = names.len();
        let (label, broader) = parsed(line, class)
            .map_err(|problem| ModelError::of_file(file, format!("line {}: {problem}", row + 1), CURE))?;
        names.push(label.to_string());
        groups.add(&label, Rank::Specific, class, &broader);
        for (nth, name) in broader.iter().enumerate() {
            groups.add(name, Rank::Broader, class, &broader[nth + 1..]);
        }
    }
    if names.is_empty() {
        return Err(ModelError::of_file(file, "it has no classes", CURE));
    }
    Ok(Table { groups: groups.0, names })
}

fn parsed(line: &str, number: usize) -> Result<(LabelName, Vec<LabelName>), String> {
    let columns: Vec<&str> = line.trim_end_matches(['\r', '\n']).split('\t').collect();
    let (first, label, broader) = match columns.as_slice() {
        [first, label] => (first, label, ""),
        [first, label, broader] => (first, label, *broader),
        other => return Err(format!("it has {} columns", other.len())),
    };
    if first.trim().parse() != Ok(number) {
        return Err(format!("it begins with `{first}`, and the next class is {number}"));
    }
    let name = |text: &str| LabelName::fold(text).ok_or_else(|| format!("`{text}` is no label of 1 to 100 characters"));
    let broader: Vec<_> =
        broader.split('|').filter(|text| !text.trim().is_empty()).map(name).collect::<Result<_, _>>()?;
    if broader.len() > MAX_BROADER {
        return Err(format!("it has {} broader labels", broader.len()));
    }
    Ok((name(label)?, broader))
}

/// A label for each class that `config.json` names, and none is broader.
pub(super) fn of_names(names: &[String]) -> Vec<Group<LabelName>> {
    let mut groups = Groups::default();
    for (class, name) in names.iter().enumerate() {
        if let Some(label) = label_of(name) {
            groups.add(&label, Rank::Specific, class, &[]);
        }
    }
    groups.0
}

/// Names of ImageNet's classes are synonyms, the commonest first: "tabby, tabby cat". Others are written as identifiers:
/// `fire_truck`.
fn label_of(name: &str) -> Option<LabelName> {
    let first = name.split(", ").find(|part| !part.trim().is_empty())?;
    LabelName::fold(&first.replace('_', " "))
}

/// In the order in which they came. A label that is broader once is so everywhere.
#[derive(Default)]
struct Groups(Vec<Group<LabelName>>);

impl Groups {
    /// The broader labels are those of the first class.
    fn add(&mut self, name: &LabelName, rank: Rank, class: usize, broader: &[LabelName]) {
        match self.0.iter_mut().find(|group| group.name == *name) {
            Some(group) => {
                group.rank = group.rank.max(rank);
                if group.classes.last() != Some(&class) {
                    group.classes.push(class);
                }
            }
            None => {
                let broader = broader.iter().filter(|above| *above != name).cloned().collect();
                self.0.push(Group { name: name.clone(), rank, classes: vec![class], broader });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_imagenet_has_the_first_of_its_names() {
        let label = |name: &str| label_of(name).map(|label| label.to_string());
        assert_eq!(label("tabby, tabby cat").as_deref(), Some("tabby"));
        assert_eq!(label("Fire_Truck").as_deref(), Some("fire truck"));
        assert_eq!(label(" "), None);
    }

    #[test]
    fn a_line_of_the_table_is_refused_with_what_is_wrong_in_it() {
        for (line, problem) in [
            ("1\tdog\tanimal", "it begins with `1`"),
            ("0", "it has 1 columns"),
            ("0\tdog\tpet\tanimal", "it has 4 columns"),
            ("0\t \tpet", "is no label"),
            ("0\tdog\ta|b|c|d|e", "it has 5 broader labels"),
        ] {
            let refused = parsed(line, 0).unwrap_err();
            assert!(refused.contains(problem), "{line}: {refused}");
        }
        let (label, broader) = parsed("0\tTabby cat\tcat|pet|animal", 0).unwrap();
        assert_eq!((label.as_str(), broader.len()), ("tabby cat", 3));
        assert_eq!(parsed("0\tdog\t", 0).unwrap().1, []);
    }
}
