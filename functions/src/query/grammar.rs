//! The grammar as a regular expression (ECMA-262), for schemas: what fits is a query, and what is a query fits, unless its
//! parentheses stand within each other or it has more words than a query may have.

/// Blanks, for a character class: white space and control characters.
const BLANK: &str = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// The pattern of a query.
pub fn pattern() -> String {
    let term = term();
    let inner = sequence(&term);
    let outer = sequence(&format!(r"(?:{term}|\([{BLANK}]*{inner}\))"));
    format!("^[{BLANK}]*(?:{outer})?$")
}

/// Things that must all be there, and alternatives between them.
fn sequence(atom: &str) -> String {
    format!(r#"(?:-?{atom}[{BLANK}]*(?:OR(?=[{BLANK}"(])[{BLANK}]*(?![)]|$))?)+"#)
}

/// A word, a phrase or a keyword, with what may follow it directly.
fn term() -> String {
    let end = format!("(?=[{BLANK}()]|$)");
    let keyword = format!("(?:[iI][sS]:[oO][fF][fF][eE][nN][sS][iI][vV][eE]|[bB][yY]:[mM][eE]){end}");
    let plain = format!(r#"[^{BLANK}"():*]"#);
    let no_operator = format!(r#"(?!OR(?:[{BLANK}"()]|$))"#);
    let word = format!(r#"{no_operator}[^{BLANK}"():*\-]{plain}{{0,99}}(?!{plain})"#);
    let in_phrase = |but: &str| format!(r#"(?:[^"\\{but}]|\\["\\]|\\(?!["\\]))"#);
    let phrase = format!(r#""[{BLANK}]*{}{}{{0,99}}""#, in_phrase(BLANK), in_phrase(""));
    let confidence = format!(r":0*(?:100(?:\.0+)?|[0-9]{{1,2}}(?:\.[0-9]+)?){end}");
    let open_end = format!(r#"(?=[{BLANK}()\-]|OR(?:[{BLANK}"()]|$)|$)"#);
    let suffix = format!(r"(?:\*?{confidence}|\*{open_end}|{open_end})");
    format!("(?:{keyword}|(?!(?:[iI][sS]|[bB][yY]):)(?:{word}|{phrase}){suffix})")
}

#[cfg(test)]
mod tests {
    use fancy_regex::Regex;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::query::Query;

    const PIECES: [&str; 32] = [
        "dog",
        "SUN",
        "OR",
        "or",
        " ",
        "  ",
        "-",
        "*",
        ":",
        ":95",
        ":100",
        ":101",
        ":100.0",
        ":095.5",
        "\"",
        "\"a b\"",
        "\"\\\"\"",
        "\\",
        "is:offensive",
        "by:me",
        "IS:",
        "is",
        "by",
        "é",
        "\t",
        "\"OR\"",
        "x",
        "ORx",
        ".",
        "5",
        "(",
        ")",
    ];

    /// How deep parentheses stand within each other, phrases left out.
    fn depth(text: &str) -> usize {
        let outside = Regex::new(r#""(?:[^"\\]|\\["\\]|\\(?!["\\]))*""#).unwrap().replace_all(text, "");
        let mut deepest = (0_usize, 0_usize);
        for c in outside.chars() {
            match c {
                '(' => deepest.0 += 1,
                ')' => deepest.0 = deepest.0.saturating_sub(1),
                _ => {}
            }
            deepest.1 = deepest.1.max(deepest.0);
        }
        deepest.1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_published_pattern_accepts_exactly_what_the_parser_accepts(pieces in vec(select(&PIECES[..]), 0..8)) {
            thread_local!(static PATTERN: Regex = Regex::new(&pattern()).unwrap());
            let text: String = pieces.concat();
            prop_assume!(depth(&text) < 2);
            let fits = PATTERN.with(|pattern| pattern.is_match(&text).unwrap());
            prop_assert_eq!(fits, Query::parse(&text).is_ok(), "{:?}", text);
        }
    }
}
