//! AWS Signature Version 4, for both homes: forms and links that let somebody else act for a while, and the check of
//! what comes back signed.
//!
//! Source: "AWS Signature Version 4 for API requests" in the IAM user guide, and for S3 the pages "Authenticating
//! Requests: Browser-Based Uploads Using POST" and "Using Query Parameters" of the S3 API reference.

mod canonical;
mod credentials;
mod error;
mod headers;
mod key;
mod post;
mod presigned;

pub use canonical::Received;
pub use credentials::{Credentials, KeyLookup};
pub use error::S3Error;
pub use headers::{SignatureError, check_signed_headers};
pub use key::{Scope, SigningKey};
pub use post::{Accepted, IncomingForm, PostForm, PostPolicy, PresignedPost, post_form};
pub use presigned::{MAX_LIFETIME, check_presigned, presigned_get};

/// The one algorithm of Signature Version 4 that is used here.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
