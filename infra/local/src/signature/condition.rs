//! The policy document and its conditions.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::S3Error;

/// The largest object that S3 takes in one post, in bytes: the bound where a policy sets none.
const LARGEST_POST: u64 = 5 << 30;

/// A parsed policy document.
pub(super) struct Document {
    pub(super) expires_at: DateTime<Utc>,
    pub(super) conditions: Vec<Condition>,
    /// Of the file, in bytes; empty if the policy's ranges exclude each other.
    pub(super) size: RangeInclusive<u64>,
}

/// A condition on one field.
pub(super) struct Condition {
    matching: Matching,
    /// The field's name in lower case, without `$`.
    pub(super) field: String,
    /// As the policy wrote it, for the error.
    written: String,
    value: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Matching {
    Exact,
    Prefix,
}

fn invalid(what: &str) -> S3Error {
    S3Error::new(400, "InvalidPolicyDocument", format!("Invalid Policy: {what}"))
}

impl Document {
    pub(super) fn read(json: &[u8]) -> Result<Self, S3Error> {
        let document: Value = serde_json::from_slice(json).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document.get("expiration").and_then(Value::as_str);
        let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let expires_at = DateTime::parse_from_rfc3339(expiration)
            .map_err(|_| invalid(&format!("Invalid 'expiration' value: '{expiration}'")))?
            .to_utc();
        let listed = document.get("conditions").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| invalid("Policy missing conditions."))?;

        let mut read = Self { expires_at, conditions: Vec::with_capacity(listed.len()), size: 0..=LARGEST_POST };
        for condition in listed {
            read.add(condition)?;
        }
        Ok(read)
    }

    fn add(&mut self, condition: &Value) -> Result<(), S3Error> {
        match condition {
            Value::Object(simple) => {
                let mut properties = simple.iter();
                let (Some((field, value)), None) = (properties.next(), properties.next()) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let value =
                    value.as_str().ok_or_else(|| invalid("Invalid Simple-Condition: value must be a string."))?;
                self.conditions.push(Condition::new(Matching::Exact, field, value));
            }
            Value::Array(parts) => {
                let [operation, second, third] = parts.as_slice() else {
                    return Err(invalid("Invalid Condition: wrong number of arguments."));
                };
                let operation = operation.as_str().unwrap_or_default().to_ascii_lowercase();
                if operation == "content-length-range" {
                    let (least, most) = (number(second)?, number(third)?);
                    self.size = (*self.size.start()).max(least)..=(*self.size.end()).min(most);
                    return Ok(());
                }
                let matching = match operation.as_str() {
                    "eq" => Matching::Exact,
                    "starts-with" => Matching::Prefix,
                    _ => return Err(invalid("Invalid Condition: unknown operation.")),
                };
                let field = second.as_str().and_then(|field| field.strip_prefix('$'));
                let (Some(field), Some(value)) = (field, third.as_str()) else {
                    return Err(invalid("Invalid Condition: expected a $field and a string."));
                };
                self.conditions.push(Condition::new(matching, field, value));
            }
            _ => return Err(invalid("Invalid Condition: expected an object or an array.")),
        }
        Ok(())
    }
}

/// A number, or a text of digits, which S3 takes as well.
fn number(value: &Value) -> Result<u64, S3Error> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .ok_or_else(|| invalid("Invalid content-length-range: expected two whole numbers."))
}

impl Condition {
    fn new(matching: Matching, field: &str, value: &str) -> Self {
        Self { matching, field: field.to_ascii_lowercase(), written: field.into(), value: value.into() }
    }

    /// Holds a field's value against the condition; a field that is not there fails it.
    pub(super) fn check(&self, value: Option<&str>) -> Result<(), S3Error> {
        let holds = value.is_some_and(|value| match self.matching {
            Matching::Exact => value == self.value,
            // A list of content types is looked at one by one; a status can only be given exactly.
            Matching::Prefix if self.field == "content-type" => {
                value.split(',').all(|one| one.trim_start().starts_with(&self.value))
            }
            Matching::Prefix => self.field != "success_action_status" && value.starts_with(&self.value),
        });
        if holds {
            return Ok(());
        }
        let operation = if self.matching == Matching::Exact { "eq" } else { "starts-with" };
        Err(S3Error::access_denied(format!(
            "Invalid according to Policy: Policy Condition failed: [\"{operation}\", \"${}\", \"{}\"]",
            self.written, self.value
        )))
    }
}
