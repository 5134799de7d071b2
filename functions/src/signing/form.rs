//! Forms by which a browser uploads straight to S3, or to the one-machine backend, which takes the same forms.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::timestamp;
use super::{ALGORITHM, Credentials, Scope, SigningKey};

/// What a form shall allow: one object, of one type, within bounds of size, until some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostForm {
    /// The bucket that the form posts to.
    pub bucket: String,
    /// The key of the one object that it may make.
    pub key: String,
    /// The `Content-Type` that the object will have; it says nothing about the bytes.
    pub content_type: String,
    /// The least and the largest size of the file, in bytes.
    pub size: RangeInclusive<u64>,
    /// At most seven days ahead, and not later than temporary credentials end.
    pub expires_at: DateTime<Utc>,
}

/// A form ready to be sent as `multipart/form-data`: these fields, then `file` as the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresignedPost {
    /// Where the form has to be posted.
    pub url: String,
    /// All fields of the form but `file`, which goes last.
    pub fields: BTreeMap<String, String>,
    /// When the form is no longer taken.
    pub expires_at: DateTime<Utc>,
}

/// Signs a form. Every field has its condition, so that none can be changed or added; success gets 204.
///
/// `url` is where the bucket takes posts, for example `https://BUCKET.s3.REGION.amazonaws.com/`.
pub fn post_form(
    form: &PostForm,
    url: &str,
    credentials: &Credentials,
    region: &str,
    now: DateTime<Utc>,
) -> PresignedPost {
    let scope = Scope::new(now, region, "s3");
    let mut fields = BTreeMap::from([
        ("key".to_owned(), form.key.clone()),
        ("Content-Type".to_owned(), form.content_type.clone()),
        ("success_action_status".to_owned(), "204".to_owned()),
        ("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()),
        ("x-amz-credential".to_owned(), format!("{}/{scope}", credentials.access_key_id)),
        ("x-amz-date".to_owned(), timestamp(now)),
    ]);
    if let Some(token) = &credentials.session_token {
        fields.insert("x-amz-security-token".to_owned(), token.clone());
    }

    let mut conditions = vec![json!({"bucket": form.bucket})];
    conditions.extend(fields.iter().map(|(name, value)| json!(["eq", format!("${name}"), value])));
    conditions.push(json!(["content-length-range", form.size.start(), form.size.end()]));
    let policy: Value = json!({
        "expiration": form.expires_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "conditions": conditions,
    });
    let policy = STANDARD.encode(policy.to_string());

    let signature = SigningKey::derive(credentials, &scope).sign(&policy);
    fields.insert("policy".to_owned(), policy);
    fields.insert("x-amz-signature".to_owned(), signature);
    PresignedPost { url: url.to_owned(), fields, expires_at: form.expires_at }
}
