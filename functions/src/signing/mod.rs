//! AWS Signature Version 4, for both backends: forms and links that let somebody else act for a while. One machine checks what
//! comes back signed; on AWS, AWS does.
//!
//! Source: "AWS Signature Version 4 for API requests" in the IAM user guide, and for S3 the pages "Authenticating
//! Requests: Browser-Based Uploads Using POST" and "Using Query Parameters" of the S3 API reference.

mod canonical;
mod credentials;
mod form;
mod key;
mod link;

pub use canonical::{Canonical, canonical_query, encoded_path, sha256_hex};
pub use credentials::Credentials;
pub use form::{PostForm, PresignedPost, post_form};
pub use key::{Scope, SigningKey, timestamp};
pub use link::{MAX_LIFETIME, UNSIGNED_PAYLOAD, presigned_get};

/// The one algorithm of Signature Version 4 that is used here.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
