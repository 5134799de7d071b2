//! Errors in S3's format.

use std::fmt::Write;

use quick_xml::escape::escape;

/// An error with S3's status, code and words, so that every client of S3 understands it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct S3Error {
    /// The HTTP status that S3 responds with.
    pub status: u16,
    /// For programs, for example `AccessDenied`.
    pub code: &'static str,
    /// What went wrong, for people, in S3's words.
    pub message: String,
    /// Further elements, name and text.
    pub extra: Vec<(&'static str, String)>,
}

impl S3Error {
    /// An error without further elements.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), extra: Vec::new() }
    }

    /// The same with one element more.
    #[must_use]
    pub fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.extra.push((name, text.into()));
        self
    }

    /// The body of the response (`application/xml`).
    pub fn to_xml(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let parts = [("Code", self.code), ("Message", &self.message)];
        for (name, text) in parts.into_iter().chain(self.extra.iter().map(|(name, text)| (*name, text.as_str()))) {
            // XML 1.0 cannot hold control characters, not even escaped.
            let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            write!(xml, "<{name}>{}</{name}>", escape(&text)).expect("a String takes what is written");
        }
        xml.push_str("</Error>");
        xml
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    pub(super) fn unknown_key(access_key_id: &str) -> Self {
        Self::new(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
            .with("AWSAccessKeyId", access_key_id)
    }

    pub(super) fn wrong_token() -> Self {
        Self::new(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    }

    pub(super) fn wrong_signature(access_key_id: &str, signature: &str) -> Self {
        let message = "The request signature we calculated does not match the signature you provided. \
                       Check your key and signing method.";
        Self::new(403, "SignatureDoesNotMatch", message)
            .with("AWSAccessKeyId", access_key_id)
            .with("SignatureProvided", signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_always_well_formed_xml() {
        let error = S3Error::access_denied("a < b & \"c\"\u{1}").with("Key", "<script>");
        assert_eq!(
            error.to_xml(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
             <Message>a &lt; b &amp; &quot;c&quot;\u{fffd}</Message><Key>&lt;script&gt;</Key></Error>"
        );
    }
}
