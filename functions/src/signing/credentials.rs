//! Key pairs.

use std::fmt;

use aws_lc_rs::constant_time;

/// A key pair, with the token that belongs to it if it is a temporary one.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Names the pair; no secret.
    pub access_key_id: String,
    /// Never sent, never shown.
    pub secret_access_key: String,
    /// Sent along by whoever has temporary credentials (a Lambda's role, for example).
    pub session_token: Option<String>,
}

impl Credentials {
    /// Whether the token that came with a request is the one that belongs to this pair.
    pub(super) fn has_token(&self, sent: Option<&str>) -> bool {
        match (&self.session_token, sent) {
            (None, None) => true,
            (Some(ours), Some(sent)) => {
                constant_time::verify_slices_are_equal(ours.as_bytes(), sent.as_bytes()).is_ok()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Finds the key pair of an access key id: any function from `&str` to `Option<Credentials>`.
pub trait KeyLookup: Fn(&str) -> Option<Credentials> {}

impl<F: Fn(&str) -> Option<Credentials>> KeyLookup for F {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "hush".into(),
            session_token: Some("quiet".into()),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("AKID") && !shown.contains("hush") && !shown.contains("quiet"), "{shown}");
    }
}
