//! The key pair and the time that the tests sign with.

use chrono::{DateTime, Utc};
use labelcast_functions::signing::Credentials;

use super::scope::read_timestamp;

pub(super) fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: token.map(str::to_owned),
    }
}

pub(super) fn now() -> DateTime<Utc> {
    read_timestamp("20261121T013000Z").unwrap()
}
