//! Properties of every query.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::model::Label;

/// Some that are hard to write.
const NAMES: &[&str] = &["dog", "dog house", "é", "日本", "or", "is", "by", "-x", "a:b*", r#"(\"q""#, "s", "sun set"];
/// So few, and so near each other, that random images often match, and demands often follow from each other.
const NEAR: &[&str] = &["s", "sun", "sunset", "dog"];

fn name(names: &'static [&'static str]) -> impl Strategy<Value = LabelName> {
    select(names).prop_map(|name| name.parse().expect("a label"))
}

fn percent() -> impl Strategy<Value = Confidence> {
    select(&[1, 5_000, 9_750, 10_000][..])
        .prop_map(|hundredths| Confidence::from_hundredths(hundredths).expect("at most 10,000"))
}

fn term(names: &'static [&'static str]) -> impl Strategy<Value = Expression> {
    let prefix = (name(names), 1..4_usize).prop_filter_map("a blank", |(name, chars)| {
        LabelName::fold(&name.as_str().chars().take(chars).collect::<String>())
    });
    let pattern = prop_oneof![name(names).prop_map(Pattern::Whole), prefix.prop_map(Pattern::Prefix)];
    (pattern, option::of(percent())).prop_map(|(pattern, at_least)| Expression::Term(Term { pattern, at_least }))
}

/// At most 64 terms, as queries have.
fn query(names: &'static [&'static str]) -> impl Strategy<Value = Query> {
    let leaf = prop_oneof![8 => term(names), 1 => Just(Expression::Offensive), 1 => Just(Expression::Mine)];
    let expression = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=4).prop_map(Expression::all),
            vec(inner.clone(), 1..=4).prop_map(Expression::any),
            inner.prop_map(Expression::not),
        ]
    });
    prop_oneof![1 => Just(Query::everything()), 30 => expression.prop_map(Query)]
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    vec((name(NEAR), percent()).prop_map(|(name, confidence)| Label::new(name, confidence)), 0..5)
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
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_query_round_trips(query in query(NAMES)) {
        let text = query.to_string();
        prop_assert_eq!(Query::try_from(text.clone()), Ok(query), "{}", text);
    }

    #[test]
    fn typed_text_round_trips_through_its_canonical_form(text in pieces()) {
        if let Ok(query) = Query::parse(&text) {
            let canonical = query.to_string();
            prop_assert_eq!(Query::parse(&canonical), Ok(query), "{} became {}", text, canonical);
        }
    }

    #[test]
    fn an_error_position_lies_within_the_text(text in prop_oneof![pieces(), "\\PC{0,60}", ".{0,60}"]) {
        if let Err(error) = Query::parse(&text) {
            prop_assert!(error.position <= text.chars().count(), "{error}");
        }
    }

    #[test]
    fn the_normal_form_matches_exactly_what_the_query_matches(
        query in query(NEAR), labels in labels(), offensive: bool, mine: bool,
    ) {
        let fields = ImageFields { labels: &labels, offensive, mine };
        if let Normal::Conjunctions(conjunctions) = query.normalized() {
            prop_assert!(conjunctions.len() <= Normal::MAX_CONJUNCTIONS);
            let matches = conjunctions.iter().any(|conjunction| conjunction.matches(&fields));
            prop_assert_eq!(matches, query.matches(&fields), "{}: {:?}", query, conjunctions);
        }
    }

    #[test]
    fn an_image_looks_up_every_bucket_that_holds_a_matching_filter(
        query in query(NEAR), labels in labels(), offensive: bool, mine: bool,
    ) {
        if query.matches(&ImageFields { labels: &labels, offensive, mine }) {
            let request = Bucket::requested_by(&labels);
            prop_assert!(query.buckets().iter().any(|bucket| request.contains(bucket)), "{}", query);
        }
    }

    #[test]
    fn a_minimum_confidence_ignores_all_less_confident_labels(
        query in query(NEAR), labels in labels(), minimum in percent(),
    ) {
        let surer: Vec<_> = labels.iter().filter(|label| label.confidence >= minimum).cloned().collect();
        // Confidences of its own are lower or higher; without them the two are the same.
        let plain = Query(query.0.map_terms(&mut |term| Term { at_least: None, ..term.clone() }));
        let fields = |labels| ImageFields { labels, offensive: false, mine: true };
        prop_assert_eq!(plain.with_min_confidence(minimum).matches(&fields(&labels)), plain.matches(&fields(&surer)));
    }
}
