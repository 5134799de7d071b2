//! Why a query is invalid.

/// A query that could not be read: where, what was expected there, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid query at position {position}: {message}. Expected {expected}.")]
pub struct QueryError {
    /// How many characters stand before the place: 0 at the beginning, the query's length at its end.
    pub position: usize,
    /// What would have been right, for example ``a number from 0 to 100``.
    pub expected: String,
    /// What is wrong, in words for people.
    pub message: String,
}

impl QueryError {
    pub(super) fn new(position: usize, expected: impl Into<String>, message: impl Into<String>) -> Self {
        Self { position, expected: expected.into(), message: message.into() }
    }
}

/// What is echoed of a text from outside: enough to know it again.
pub(super) fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    match text.char_indices().nth(MAX_CHARS) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_position_the_problem_and_what_was_expected() {
        let error = QueryError::new(4, "a number from 0 to 100", "`101` is over 100");
        let words = "invalid query at position 4: `101` is over 100. Expected a number from 0 to 100.";
        assert_eq!(error.to_string(), words);
    }

    #[test]
    fn a_long_text_is_quoted_in_part() {
        assert_eq!(shown("dog"), "`dog`");
        assert_eq!(shown(&"é".repeat(1_000)), format!("`{}…`", "é".repeat(40)));
    }
}
