//! What holds for every query.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::model::Label;

/// Few enough that random images often match, and some that are hard to write.
const NAMES: [&str; 14] =
    ["dog", "dog house", "s", "sun", "sunset", "sun set", "é", "日本", "or", "is", "by", "-x", "a:b*", r#"(\"q""#];

fn name() -> impl Strategy<Value = LabelName> {
    select(&NAMES[..]).prop_map(|name| name.parse().expect("a label"))
}

fn percent() -> impl Strategy<Value = Confidence> {
    select(&[0, 1, 5_000, 9_000, 9_750, 10_000][..])
        .prop_map(|hundredths| Confidence::from_hundredths(hundredths).expect("at most 10,000"))
}

fn term() -> impl Strategy<Value = Expression> {
    let beginning = (name(), 1..4_usize).prop_filter_map("a blank", |(name, chars)| {
        LabelName::fold(&name.as_str().chars().take(chars).collect::<String>())
    });
    let pattern = prop_oneof![3 => name().prop_map(Pattern::Whole), 1 => beginning.prop_map(Pattern::Beginning)];
    (pattern, option::of(percent())).prop_map(|(pattern, at_least)| Expression::Term(Term { pattern, at_least }))
}

/// At most 64 terms, as queries have.
fn query() -> impl Strategy<Value = Query> {
    let leaf = prop_oneof![8 => term(), 1 => Just(Expression::Offensive), 1 => Just(Expression::Mine)];
    let expression = leaf.prop_recursive(3, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=4).prop_map(Expression::all),
            vec(inner.clone(), 1..=4).prop_map(Expression::any),
            inner.prop_map(Expression::not),
        ]
    });
    prop_oneof![1 => Just(Query::everything()), 30 => expression.prop_map(Query)]
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    vec((name(), percent()).prop_map(|(name, confidence)| Label { name, confidence }), 0..8)
}

/// Texts that nearly are queries.
fn pieces() -> impl Strategy<Value = String> {
    const PIECES: [&str; 20] = [
        "dog",
        "SUN",
        "OR",
        "or",
        " ",
        "  ",
        "(",
        ")",
        "-",
        "*",
        ":",
        ":95",
        ":1000",
        "\"",
        "\"hot dog\"",
        "\\",
        "is:",
        "is:offensive",
        "by:me",
        "日",
    ];
    vec(select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_query_is_read_back_as_it_was_written(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(Query::try_from(text.clone()), Ok(query), "{}", text);
    }

    #[test]
    fn what_was_typed_is_read_back_as_it_was_written(text in pieces()) {
        if let Ok(query) = Query::parse(&text) {
            let canonical = query.to_string();
            prop_assert_eq!(Query::parse(&canonical), Ok(query), "{} became {}", text, canonical);
        }
    }

    #[test]
    fn the_place_of_an_error_lies_within_the_text(text in prop_oneof![pieces(), "\\PC{0,60}", ".{0,60}"]) {
        if let Err(error) = Query::parse(&text) {
            prop_assert!(error.position <= text.chars().count(), "{error}");
        }
    }

    #[test]
    fn the_normal_form_matches_what_the_query_matches(
        query in query(), labels in labels(), offensive: bool, mine: bool,
    ) {
        let facts = Facts { labels: &labels, offensive, mine };
        if let Normal::Conjunctions(conjunctions) = query.normalized() {
            prop_assert!(conjunctions.len() <= Normal::MAX_CONJUNCTIONS);
            let matches = conjunctions.iter().any(|conjunction| conjunction.matches(&facts));
            prop_assert_eq!(matches, query.matches(&facts), "{}: {:?}", query, conjunctions);
        }
    }

    #[test]
    fn an_image_asks_where_the_filters_that_match_it_are_filed(
        query in query(), labels in labels(), offensive: bool, mine: bool,
    ) {
        if query.matches(&Facts { labels: &labels, offensive, mine }) {
            let asked = Filing::asked_by(&labels);
            prop_assert!(query.filings().iter().any(|filing| asked.contains(filing)), "{}", query);
        }
    }

    #[test]
    fn a_minimum_confidence_is_as_if_surer_labels_were_all_there_is(
        query in query(), labels in labels(), minimum in percent(),
    ) {
        let surer: Vec<_> = labels.iter().filter(|label| label.confidence >= minimum).cloned().collect();
        // Confidences of its own are lower or higher; without them the two are the same.
        let plain = Query(query.0.map_terms(&mut |term| Term { at_least: None, ..term.clone() }));
        let facts = |labels| Facts { labels, offensive: false, mine: true };
        prop_assert_eq!(plain.with_min_confidence(minimum).matches(&facts(&labels)), plain.matches(&facts(&surer)));
    }
}
