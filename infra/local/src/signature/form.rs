//! Verifies a posted form, as S3 does.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use labelcast_functions::signing::{ALGORITHM, SigningKey};

use super::condition::Document;
use super::scope::{CredentialScope, read_timestamp};
use super::{KeyLookup, S3Error, has_token};

/// All fields before the file together, in bytes.
const MAX_FIELDS: usize = 20 << 10;

/// The fields that need no condition, beside those that begin with [`IGNORED`].
const WITHOUT_CONDITION: [&str; 3] = ["x-amz-signature", "file", "policy"];

/// How the names of fields begin that nobody looks at.
const IGNORED: &str = "x-ignore-";

/// A form as it arrived, up to its file.
#[derive(Debug, Clone, Copy)]
pub struct IncomingForm<'a> {
    /// Which bucket it was posted to.
    pub bucket: &'a str,
    /// Name and value of the fields before the file; names in any case.
    pub fields: &'a [(String, String)],
    /// The name that the client gave the file, for `${filename}`.
    pub filename: Option<&'a str>,
}

/// A form that may be carried out, once the size of its file is known to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Where to put the object.
    pub key: String,
    /// The type that the object shall have.
    pub content_type: Option<String>,
    /// The sizes that are allowed, in bytes.
    pub size: RangeInclusive<u64>,
    /// The response: 200 or 204 with an empty body, 201 with S3's `PostResponse`.
    pub success_action_status: u16,
}

impl Accepted {
    /// Holds the file's size against the policy. A file that is still being read can be refused as soon as it is
    /// larger than the end of [`Accepted::size`].
    pub fn check_size(&self, size: u64) -> Result<(), S3Error> {
        if size > *self.size.end() {
            return Err(S3Error::new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
                .with("ProposedSize", size.to_string())
                .with("MaxSizeAllowed", self.size.end().to_string()));
        }
        if size < *self.size.start() {
            return Err(S3Error::new(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
            )
            .with("ProposedSize", size.to_string())
            .with("MinSizeAllowed", self.size.start().to_string()));
        }
        Ok(())
    }
}

/// Verifies forms against their policies.
#[derive(Debug, Clone, Copy)]
pub struct PostPolicy;

impl PostPolicy {
    /// Checks everything but the file's size, so that a bad form is refused before the file is read.
    pub fn check(form: &IncomingForm<'_>, now: DateTime<Utc>, lookup: impl KeyLookup) -> Result<Accepted, S3Error> {
        let mut fields = Fields::read(form)?;
        let policy = fields.authenticated(lookup)?;
        let document = STANDARD.decode(policy).map_err(|_| {
            S3Error::new(400, "InvalidPolicyDocument", "Invalid Policy: the policy is not encoded in Base64.")
        })?;
        let document = Document::read(&document)?;
        if now >= document.expires_at {
            return Err(S3Error::access_denied("Invalid according to Policy: Policy expired."));
        }

        let key = fields.required("key", "key")?;
        if key.is_empty() {
            return Err(S3Error::new(400, "InvalidArgument", "User key must have a length greater than 0."));
        }
        let key = match form.filename.map(base_name) {
            Some(name) => key.replace("${filename}", name),
            None => key.to_owned(),
        };
        fields.0.insert("key".into(), key.clone());

        for condition in &document.conditions {
            let value = match condition.field.as_str() {
                "bucket" => Some(form.bucket),
                field => fields.get(field),
            };
            condition.check(value)?;
        }
        fields.are_all_covered(&document)?;

        let success_action_status = match fields.get("success_action_status") {
            Some("200") => 200,
            Some("201") => 201,
            _ => 204,
        };
        let content_type = fields.get("content-type").map(str::to_owned);
        Ok(Accepted { key, content_type, size: document.size, success_action_status })
    }
}

/// Old browsers send the path as well.
fn base_name(filename: &str) -> &str {
    filename.rsplit(['/', '\\']).next().unwrap_or(filename)
}

/// A form's fields by lower-case name.
struct Fields(HashMap<String, String>);

impl Fields {
    fn read(form: &IncomingForm<'_>) -> Result<Self, S3Error> {
        let size: usize = form.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_FIELDS {
            return Err(S3Error::new(
                400,
                "MaxPostPreDataLengthExceeded",
                "Your POST request fields preceding the upload file were too large.",
            ));
        }
        let mut fields = HashMap::new();
        for (name, value) in form.fields {
            let name = name.to_ascii_lowercase();
            let twice = fields.insert(name.clone(), value.clone()).is_some() && !name.starts_with(IGNORED);
            // Which of the two would count is not for a checker to guess.
            if twice {
                let message = format!("POST requires exactly one field named '{name}'.");
                return Err(S3Error::new(400, "InvalidArgument", message).with("ArgumentName", name));
            }
        }
        Ok(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn required(&self, name: &str, shown: &str) -> Result<&str, S3Error> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the \
                 fields."
            );
            S3Error::new(400, "InvalidArgument", message).with("ArgumentName", shown).with("ArgumentValue", "")
        })
    }

    /// The policy, once its signature is known to be right.
    fn authenticated(&self, lookup: impl KeyLookup) -> Result<&str, S3Error> {
        let names = ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];
        if names.iter().all(|name| self.get(name).is_none()) {
            // A file before all other fields is a mistake of order, and S3 says so.
            self.required("key", "key")?;
            return Err(S3Error::access_denied("Access Denied"));
        }
        let policy = self.required("policy", "policy")?;
        let signature = self.required("x-amz-signature", "X-Amz-Signature")?;
        let algorithm = self.required("x-amz-algorithm", "X-Amz-Algorithm")?;
        let credential = self.required("x-amz-credential", "X-Amz-Credential")?;
        let date = self.required("x-amz-date", "X-Amz-Date")?;

        let argument = |message: String| S3Error::new(400, "InvalidArgument", message);
        if algorithm != ALGORITHM {
            return Err(argument(format!("X-Amz-Algorithm only supports \"{ALGORITHM}\"")));
        }
        let CredentialScope { access_key_id, scope } = credential
            .parse()
            .ok()
            .filter(|credential: &CredentialScope| credential.scope.service == "s3")
            .ok_or_else(|| {
                argument("X-Amz-Credential must be ACCESS-KEY-ID/YYYYMMDD/REGION/s3/aws4_request".to_owned())
            })?;
        if read_timestamp(date).map(|at| at.date_naive()) != Some(scope.date) {
            return Err(argument("X-Amz-Date must be of the day that X-Amz-Credential names".to_owned()));
        }
        let credentials = lookup(&access_key_id).ok_or_else(|| S3Error::unknown_key(&access_key_id))?;
        if !SigningKey::derive(&credentials, &scope).verify(policy, signature) {
            return Err(S3Error::wrong_signature(&access_key_id, signature));
        }
        if !has_token(&credentials, self.get("x-amz-security-token")) {
            return Err(S3Error::wrong_token());
        }
        Ok(policy)
    }

    fn are_all_covered(&self, document: &Document) -> Result<(), S3Error> {
        let mut extra: Vec<&str> = self
            .0
            .keys()
            .map(String::as_str)
            .filter(|name| !WITHOUT_CONDITION.contains(name) && !name.starts_with(IGNORED))
            .filter(|name| !document.conditions.iter().any(|condition| condition.field == *name))
            .collect();
        extra.sort_unstable();
        if extra.is_empty() {
            return Ok(());
        }
        let message = format!("Invalid according to Policy: Extra input fields: {}", extra.join(", "));
        Err(S3Error::access_denied(message))
    }
}

#[cfg(test)]
mod tests;
