//! Says in words what a deserializer did not like: nobody outside should have to know what `u64` is.

/// What a request holds that cannot be read, as [`serde`] words it (`size: invalid type: string "10", expected u64 at line 1
/// column 56`), in the words of people: ``"`size` must be a whole number, not the text "10""``.
pub(super) fn of_data(text: &str) -> String {
    let text = without_position(text);
    let (field, problem) = match text.split_once(": ") {
        // The path to the field comes first; serde's own sentences have blanks before their first colon.
        Some((path, problem)) if !path.contains(' ') => (Some(path), problem),
        _ => (None, text),
    };
    let name = field.map_or_else(|| "the value".to_owned(), |field| format!("`{field}`"));
    if let Some(missing) = problem.strip_prefix("missing field ") {
        return format!("{missing} is missing");
    }
    if let Some(twice) = problem.strip_prefix("duplicate field ") {
        return format!("{twice} is given more than once");
    }
    if let Some((found, expected)) = unexpected(problem) {
        return format!("{name} must be {}, not {}", readable_type(expected), readable_value(found));
    }
    if let Some((found, known)) =
        problem.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{name} must be {known}, not {found}");
    }
    match problem {
        "invalid digit found in string" => format!("{name} must be a whole number"),
        "cannot parse integer from empty string" => format!("{name} must be a whole number, not empty"),
        "number too large to fit in target type" => format!("{name} is too large a number"),
        "number too small to fit in target type" => format!("{name} is too small a number"),
        "invalid float literal" => format!("{name} must be a number"),
        "cannot parse float from empty string" => format!("{name} must be a number, not empty"),
        "provided string was not `true` or `false`" => format!("{name} must be `true` or `false`"),
        // Our own types say what they want.
        other => field.map_or_else(|| other.to_owned(), |field| format!("`{field}`: {other}")),
    }
}

/// Where JSON breaks off, as far as the parser knows: ``"line 1, column 5"``.
pub(super) fn position(text: &str) -> Option<String> {
    let (_, position) = text.rsplit_once(" at line ")?;
    let (line, column) = position.split_once(" column ")?;
    Some(format!("line {line}, column {column}"))
}

fn without_position(text: &str) -> &str {
    match text.rsplit_once(" at line ") {
        Some((before, position)) if position.contains(" column ") => before,
        _ => text,
    }
}

fn unexpected(problem: &str) -> Option<(&str, &str)> {
    let rest = problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "))
        .or_else(|| problem.strip_prefix("invalid length "))?;
    rest.rsplit_once(", expected ")
}

fn readable_type(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" | "str" => "text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn readable_value(found: &str) -> String {
    match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => value.to_owned(),
        Some(("floating", rest)) => rest.trim_start_matches("point ").to_owned(),
        _ => match found {
            "map" => "an object".to_owned(),
            "sequence" => "a list".to_owned(),
            other => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_a_request_are_explained_without_parser_jargon() {
        for (said, expected) in [
            (
                "size: invalid type: string \"10\", expected u64 at line 1 column 56",
                "`size` must be a whole number, not the text \"10\"",
            ),
            (
                "size: invalid value: integer `-1`, expected u64 at line 1 column 5",
                "`size` must be a whole number, not `-1`",
            ),
            ("size: invalid type: floating point `1.5`, expected u64", "`size` must be a whole number, not `1.5`"),
            ("missing field `name` at line 1 column 2", "`name` is missing"),
            (
                "invalid type: sequence, expected struct BeginUpload at line 1 column 0",
                "the value must be an object, not a list",
            ),
            ("duplicate field `q`", "`q` is given more than once"),
            ("limit: invalid digit found in string", "`limit` must be a whole number"),
            ("status: unknown variant `x`, expected one of `a`, `b`", "`status` must be one of `a`, `b`, not `x`"),
            ("name: a name has 1 to 64 characters", "`name`: a name has 1 to 64 characters"),
        ] {
            assert_eq!(of_data(said), expected);
        }
        assert_eq!(position("EOF while parsing a value at line 1 column 5").as_deref(), Some("line 1, column 5"));
        assert_eq!(position("something else"), None);
    }
}
