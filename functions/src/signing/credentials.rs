//! Key pairs.

use std::fmt;

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

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_secrets() {
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "hush".into(),
            session_token: Some("quiet".into()),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("AKID") && !shown.contains("hush") && !shown.contains("quiet"), "{shown}");
    }
}
