//! Numbers as JSON Schema has them: `5.0` is an integer, `+5`, `05` and ` 5` are no numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// A number that is not negative and has no fraction; one that is too large for 64 bits is the largest of them.
fn whole(number: &Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return Some(whole);
    }
    let number = number.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    Some(number as u64)
}

fn json_number(text: &str) -> Option<Number> {
    // A reader of JSON takes blanks around a value.
    let begins = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let ends = text.ends_with(|c: char| c.is_ascii_digit());
    serde_json::from_str(text).ok().filter(|_| begins && ends)
}

/// Reads a parameter that is an integer.
pub fn whole_number(text: &str) -> Option<u64> {
    json_number(text).as_ref().and_then(whole)
}

/// Reads a parameter that is a number.
pub fn number(text: &str) -> Option<f64> {
    json_number(text).as_ref().and_then(Number::as_f64)
}

/// Reads a field that is an integer.
pub fn whole_field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    whole(&number).ok_or_else(|| D::Error::custom(format!("{number} is not a whole number of at least 0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_may_have_a_fraction_of_zeros_or_an_exponent() {
        for (text, number) in
            [("5", 5), ("5.0", 5), ("5.000", 5), ("5e1", 50), ("0", 0), ("-0", 0), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        assert_eq!(whole_number("1e300"), Some(u64::MAX), "too large for anything");
        for text in ["", " ", "5.5", "-1", "+5", "05", " 5", "5 ", "5.", ".5", "0x5", "five", "NaN", "1e999", "5,0"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_whatever_json_accepts_as_one() {
        assert_eq!((number("85.5"), number("1e2"), number("-3")), (Some(85.5), Some(100.0), Some(-3.0)));
        for text in ["", "inf", "NaN", "+5", ".5", "5.", " 5", "1_000"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
