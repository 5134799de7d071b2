//! Scopes, and the keys that sign within them.

use std::fmt;

use aws_lc_rs::hmac;
use chrono::{DateTime, NaiveDate, Utc};

use super::Credentials;

/// What a signing key is good for: one service in one region on one day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The day that the key is good for, in UTC.
    pub date: NaiveDate,
    /// The AWS region, for example `eu-west-1`; on one machine `local`.
    pub region: String,
    /// For example `s3` or `execute-api`.
    pub service: String,
}

impl Scope {
    /// The scope of the day of `now`.
    pub fn new(now: DateTime<Utc>, region: &str, service: &str) -> Self {
        Self { date: now.date_naive(), region: region.into(), service: service.into() }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date.format("%Y%m%d"), self.region, self.service)
    }
}

/// A key derived from a secret for one [`Scope`]. It can be kept for the day; it does not reveal the secret.
#[derive(Debug, Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Four HMACs: date, region, service, and a constant.
    pub fn derive(credentials: &Credentials, scope: &Scope) -> Self {
        let secret = format!("AWS4{}", credentials.secret_access_key);
        let date = scope.date.format("%Y%m%d").to_string();
        let steps = [date.as_str(), &scope.region, &scope.service, "aws4_request"];
        let first = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self(
            steps
                .into_iter()
                .fold(first, |key, step| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref())),
        )
    }

    /// The signature in lower-case hex.
    pub fn sign(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// Whether a signature in hex is right; takes as long for one that is wrong.
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        let mut tag = [0; 32];
        hex::decode_to_slice(signature, &mut tag).is_ok() && hmac::verify(&self.0, text.as_bytes(), &tag).is_ok()
    }
}

/// `20261121T013000Z`
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }

    /// From AWS's page "Examples of how to derive a signing key for Signature Version 4".
    #[test]
    fn the_signing_key_matches_the_published_aws_example() {
        let scope = Scope {
            date: NaiveDate::from_ymd_opt(2012, 2, 15).unwrap(),
            region: "us-east-1".into(),
            service: "iam".into(),
        };
        let expected = hex::decode("f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d").unwrap();
        let expected = SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &expected));
        assert_eq!(SigningKey::derive(&example(), &scope).sign("text"), expected.sign("text"));
    }
}
