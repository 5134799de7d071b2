//! Every construct of the language, and every way to get it wrong.

use super::*;
use crate::model::{Audience, Label};

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Labels as `dog`, or `dog=97.5` where the confidence is not 90.
fn labels(texts: &[&str]) -> Vec<Label> {
    let label = |text: &&str| {
        let (name, percent) = text.split_once('=').unwrap_or((text, "90"));
        Label::new(name.parse().unwrap(), percent.parse::<f64>().unwrap().try_into().unwrap())
    };
    texts.iter().map(label).collect()
}

fn matches(text: &str, image: &[&str]) -> bool {
    query(text).matches(&ImageFields { labels: &labels(image), offensive: false, mine: false })
}

#[test]
fn a_word_matches_a_whole_label_in_any_case() {
    assert!(matches("dog", &["dog"]));
    assert!(matches("DoG", &["cat", "dog"]));
    assert!(!matches("dog", &["dog house", "hotdog"]));
    assert!(matches("ÇİÇEK", &["ÇİÇEK"]), "folded as labels are");
    assert!(matches("日本 t-shirt", &["日本", "T-shirt"]));
}

#[test]
fn words_beside_each_other_must_all_match() {
    assert!(matches("dog cat", &["cat", "dog"]));
    assert!(!matches("dog cat", &["dog"]));
    assert!(matches("(dog)(cat)-bird", &["cat", "dog"]));
}

#[test]
fn or_matches_either_side_and_binds_less_tightly_than_and() {
    assert!(matches("dog OR cat", &["cat"]));
    assert!(!matches("dog OR cat", &["bird"]));
    assert!(matches("dog OR cat bird", &["dog"]));
    assert!(!matches("dog OR cat bird", &["cat"]));
    assert!(!matches("(dog OR cat) bird", &["dog"]));
}

#[test]
fn lower_case_or_is_a_word() {
    assert!(matches("dog or", &["dog", "or"]));
    assert!(!matches("dog Or cat", &["dog"]));
    assert!(matches("\"OR\"", &["or"]));
}

#[test]
fn minus_excludes_a_word_a_phrase_a_prefix_and_a_group() {
    assert!(matches("dog -person", &["dog"]));
    assert!(!matches("dog -person", &["dog", "person"]));
    assert!(!matches("-\"hot dog\"", &["hot dog"]));
    assert!(!matches("-sun*", &["sunset"]));
    assert!(matches("-(a b)", &["a"]));
    assert!(!matches("-(a b)", &["a", "b"]));
    assert!(matches("-(-(a))", &["a"]));
}

#[test]
fn a_phrase_is_one_label() {
    assert!(matches("\"Hot   Dog\"", &["hot dog"]));
    assert!(!matches("\"hot dog\"", &["hot", "dog"]));
    assert!(matches(r#""3\" disk""#, &["3\" disk"]));
}

#[test]
fn a_star_matches_every_label_with_that_prefix() {
    assert!(matches("SUN*", &["sunset"]));
    assert!(matches("sun*", &["sun"]));
    assert!(!matches("sun*", &["midsun"]));
    assert!(matches("\"hot d\"*", &["hot dog"]));
    assert!(matches("s*", &["s"]));
}

#[test]
fn a_confidence_is_a_minimum() {
    assert!(matches("dog:95", &["dog=95"]));
    assert!(!matches("dog:95", &["dog=94.99"]));
    assert!(matches("\"hot dog\":97.5", &["hot dog=97.5"]));
    assert!(matches("sun*:95", &["sun=80", "sunset=96"]));
    assert!(matches("-dog:95", &["dog=94"]));
    assert!(matches("dog:100", &["dog=100"]));
}

#[test]
fn is_offensive_tests_the_flag_and_not_the_label() {
    let named = labels(&["offensive"]);
    let fields = ImageFields { labels: &named, offensive: false, mine: false };
    assert!(!query("is:offensive").matches(&fields));
    assert!(query("-IS:Offensive").matches(&fields));
    assert!(query("is:offensive").matches(&ImageFields { labels: &[], offensive: true, mine: false }));
}

#[test]
fn by_me_tests_the_uploader() {
    let fields = ImageFields { labels: &[], offensive: false, mine: true };
    assert!(query("by:me").matches(&fields));
    assert!(!query("-by:me").matches(&fields));
}

#[test]
fn only_queries_with_is_offensive_require_a_moderator() {
    for text in ["is:offensive", "dog (a OR -is:offensive)"] {
        assert!(!query(text).may_be_asked_by(Audience::EVERYONE), "{text}");
        assert!(query(text).may_be_asked_by(Audience::Moderator(None)), "{text}");
    }
    for text in ["", "offensive", "\"is:offensive\"", "by:me is"] {
        assert!(query(text).may_be_asked_by(Audience::EVERYONE), "{text}");
    }
}

#[test]
fn an_empty_or_blank_query_matches_everything() {
    for text in ["", " \t\n", "\u{0}"] {
        assert!(query(text).is_everything());
        assert!(matches(text, &[]));
    }
    assert!(!query("dog").is_everything());
    assert_eq!(Query::everything().to_string(), "");
}

#[test]
fn the_canonical_text_has_no_redundant_characters() {
    for (typed, canonical) in [
        ("  DOG   (cat) ", "dog cat"),
        ("((dog cat) bird)", "dog cat bird"),
        ("(dog cat) OR (bird OR -(-fish))", "dog cat OR bird OR fish"),
        ("dog (cat OR bird)", "dog (cat OR bird)"),
        ("-(dog cat) -(-(a b))", "-(dog cat) a b"),
        ("\"dog\":095.50", "dog:95.5"),
        ("\"IS\":95 \"is\" is* \"by\"*:95", "\"is\":95 is is* by*:95"),
        (r#""-x" "a:b" "a\"b" "c\d" "e\\\"f""#, r#""-x" "a:b" "a\"b" c\d "e\\\"f""#),
        ("\"hot d\"*:90 \"OR\" Is:OFFENSIVE BY:ME", "\"hot d\"*:90 or is:offensive by:me"),
    ] {
        assert_eq!(query(typed).to_string(), canonical);
        assert_eq!(query(canonical), query(typed));
    }
}

#[test]
fn an_error_points_at_the_unexpected_token() {
    for (text, position, expected) in [
        ("dog:101", 4, "a number from 0 to 100"),
        ("dog:100.01", 4, "a number from 0 to 100"),
        ("dog:", 4, "a number from 0 to 100"),
        ("dog: 95", 4, "a number from 0 to 100"),
        ("dog:-5", 4, "a number from 0 to 100"),
        ("dog:1e1", 4, "a number from 0 to 100"),
        ("dog:9.", 4, "a number from 0 to 100"),
        ("a:b", 2, "a number from 0 to 100"),
        ("é \"日 本\":x", 8, "a number from 0 to 100"),
        ("is:funny", 3, "`offensive`, as in `is:offensive`"),
        ("dog is:", 7, "`offensive`, as in `is:offensive`"),
        ("by:you", 3, "`me`, as in `by:me`"),
        ("by:me:95", 5, "a space"),
        ("dog:95:96", 6, "a space"),
        ("dog:95*", 6, "a space"),
        ("sun**", 4, "a space"),
        ("su*n", 3, "a space"),
        ("hot\"dog\"", 3, "a space"),
        ("* dog", 0, "a word or a phrase directly before `*`"),
        ("sun *", 4, "a word or a phrase directly before `*`"),
        ("(dog):95", 5, "a word or a phrase directly before `:`"),
        ("dog :95", 4, "a word or a phrase directly before `:`"),
        ("dog -", 5, "a word, a phrase in quotation marks or `(`"),
        ("- dog", 1, "a word, a phrase in quotation marks or `(`"),
        ("--dog", 1, "a word, a phrase in quotation marks or `(`"),
        ("-OR", 1, "a word, a phrase in quotation marks or `(`"),
        ("OR dog", 0, "a word, a phrase in quotation marks or `(`"),
        ("dog OR", 6, "a word, a phrase in quotation marks or `(`"),
        ("dog OR OR cat", 7, "a word, a phrase in quotation marks or `(`"),
        ("dog ()", 5, "a word, a phrase in quotation marks or `(`"),
        (")", 0, "a word, a phrase in quotation marks or `(`"),
        ("dog) cat", 3, "the end of the query"),
        ("(dog", 4, "`)`"),
        ("(dog OR (cat)", 13, "`)`"),
        ("dog \"hot", 8, "a closing `\"`"),
        ("dog \"\"", 4, "1 to 100 characters"),
        ("dog \" \"*", 4, "1 to 100 characters"),
    ] {
        let error = Query::parse(text).expect_err(text);
        assert_eq!((error.position, error.expected.as_str()), (position, expected), "{text}: {error}");
    }
}

#[test]
fn the_first_mistake_is_reported() {
    assert_eq!(Query::parse("a:b \"open").unwrap_err().position, 2);
}

#[test]
fn an_error_says_what_was_found_instead() {
    let words = |text| Query::parse(text).unwrap_err().to_string();
    assert_eq!(words("dog:101"), "invalid query at position 4: `101` is over 100. Expected a number from 0 to 100.");
    assert_eq!(
        words("is:funny"),
        "invalid query at position 3: found `funny` after `is:`. Expected `offensive`, as in `is:offensive`."
    );
    assert_eq!(
        words("dog:red"),
        "invalid query at position 4: `red` isn't a number. Confidence is written `dog:95`. \
         Expected a number from 0 to 100."
    );
}

#[test]
fn a_query_is_bounded_in_length() {
    assert!(Query::parse(&" ".repeat(1_000)).is_ok());
    assert_eq!(Query::parse(&"é".repeat(1_001)).unwrap_err().position, 1_000);
    assert!(Query::parse(&"x".repeat(100)).is_ok());
    assert_eq!(Query::parse(&format!("a {}", "x".repeat(101))).unwrap_err().position, 2);
}

#[test]
fn a_query_is_bounded_in_terms() {
    assert!(Query::parse(&"a ".repeat(64)).is_ok());
    let error = Query::parse(&"a ".repeat(65)).unwrap_err();
    assert_eq!((error.position, error.expected.as_str()), (128, "at most 64 words"));
}

#[test]
fn a_query_is_bounded_in_depth() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(query(&nested(32)), query("a"));
    assert_eq!(Query::parse(&nested(33)).unwrap_err().position, 32);
    assert_eq!(Query::parse(&"(".repeat(1_000)).unwrap_err().position, 32);
    assert_eq!(Query::parse(&"-(".repeat(500)).unwrap_err().position, 65);
}

#[test]
fn words_phrases_and_complete_prefixes_are_translated() {
    let english = |word: &str| match word {
        "hond" => "dog".parse().ok(),
        "warme hond" => "hot dog".parse().ok(),
        _ => None,
    };
    let dutch = query("Hond:95 -(\"warme hond\" OR hond*) hon* kat by:me");
    assert_eq!(dutch.translated(english).to_string(), "dog:95 -(\"hot dog\" OR dog*) hon* kat by:me");
}

#[test]
fn a_minimum_confidence_applies_to_terms_without_their_own() {
    let minimum = Confidence::from_percent(85.0).unwrap();
    let raised = query("dog -cat sun* (a:50 OR is:offensive)").with_min_confidence(minimum);
    assert_eq!(raised.to_string(), "dog:85 -cat:85 sun*:85 (a:50 OR is:offensive)");
    assert!(Query::everything().with_min_confidence(minimum).is_everything());
}

#[test]
fn the_longest_query_round_trips() {
    let long: LabelName = "\"".repeat(100).parse().unwrap();
    let typed = query(&format!("a{}", " -(b OR -(c* d*))".repeat(21)));
    let query = typed.translated(|_| Some(long.clone())).with_min_confidence(Confidence::from_hundredths(1).unwrap());
    assert!(query.to_string().chars().count() > 13_000);
    let json = serde_json::to_string(&query).unwrap();
    assert_eq!(serde_json::from_str::<Query>(&json).unwrap(), query);
}
