//! The credential scope and time that a request claims.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use labelcast_functions::signing::Scope;

/// `ACCESS_KEY_ID/DATE/REGION/SERVICE/aws4_request`, as it stands in a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CredentialScope {
    pub(super) access_key_id: String,
    pub(super) scope: Scope,
}

impl FromStr for CredentialScope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // From the right: an access key id may hold a slash, the others may not.
        let mut parts = text.rsplitn(5, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(());
        if part()? != "aws4_request" {
            return Err(());
        }
        let (service, region, date, access_key_id) = (part()?, part()?, part()?, part()?);
        let digits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        let date = NaiveDate::parse_from_str(date, "%Y%m%d").ok().filter(|_| digits).ok_or(())?;
        let scope = Scope { date, region: region.into(), service: service.into() };
        Ok(Self { access_key_id: access_key_id.into(), scope })
    }
}

pub(super) fn read_timestamp(text: &str) -> Option<DateTime<Utc>> {
    let shaped = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z'));
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().filter(|_| shaped).map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use labelcast_functions::signing::timestamp;

    use super::*;

    #[test]
    fn a_credential_round_trips() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let scope = Scope::new(now, "eu-west-1", "s3");
        let read: CredentialScope = format!("AK/ID/{scope}").parse().unwrap();
        assert_eq!(read, CredentialScope { access_key_id: "AK/ID".into(), scope });
        for bad in
            ["", "AKID", "AKID/20260101/eu/s3", "AKID/20261341/eu/s3/aws4_request", "/20260101/eu/s3/aws4_request"]
        {
            assert_eq!(bad.parse::<CredentialScope>(), Err(()), "{bad}");
        }
        assert_eq!(read_timestamp(&timestamp(now)), Some(now));
        assert_eq!(read_timestamp("2026-01-01T00:00:00Z"), None);
    }
}
