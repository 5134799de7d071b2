//! Requests that carry their signature in the `Authorization` header, as SDKs sign what they send to API Gateway.

use axum::http::header::AUTHORIZATION;
use chrono::{DateTime, Utc};
use labelcast_functions::signing::{ALGORITHM, Canonical, SigningKey, canonical_query, sha256_hex};

use super::received::{Received, canonical_headers, canonical_path_encoded_twice, query_pairs};
use super::scope::{CredentialScope, read_timestamp};
use super::{KeyLookup, MAX_SKEW, has_token};

/// Why a signed request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request has no `Authorization` header.
    #[error("the request is not signed: sign it with AWS Signature Version 4")]
    Missing,
    /// The header, the date or a signed header is not as it must be.
    #[error(
        "invalid signature: `Authorization` must be `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, \
         Signature=…`, with `host` and every `x-amz-` header signed and an `X-Amz-Date`"
    )]
    Malformed,
    /// The request is signed for another service.
    #[error("the request is signed for another service: sign it for `execute-api`")]
    WrongService,
    /// Nobody has this access key.
    #[error("unknown access key: use this server's key pair")]
    UnknownKey,
    /// Signed more than 15 minutes ago or ahead.
    #[error("the signature is more than 15 minutes old or in the future: check the clock and sign again")]
    WrongTime,
    /// Not what was signed, or signed with another secret.
    #[error(
        "the signature does not match the request: check the secret access key, and that nothing modifies the request in transit"
    )]
    Mismatch,
}

/// Checks the signature of a request to `service` (any region), and returns the access key id that signed it.
///
/// The path is encoded once more before it is signed, as for every service but S3: `@connections` becomes
/// `%40connections`, and a `%3D` in a connection id becomes `%253D`.
pub fn check_signed_headers(
    request: &Received<'_>,
    body: &[u8],
    service: &str,
    now: DateTime<Utc>,
    lookup: impl KeyLookup,
) -> Result<String, SignatureError> {
    let header = request.headers.get(AUTHORIZATION).ok_or(SignatureError::Missing)?;
    let header = header.to_str().map_err(|_| SignatureError::Malformed)?;
    let Authorization { credential, signed_headers, signature } =
        Authorization::read(header).ok_or(SignatureError::Malformed)?;
    let CredentialScope { access_key_id, scope } = credential.parse().map_err(|()| SignatureError::Malformed)?;
    if scope.service != service {
        return Err(SignatureError::WrongService);
    }
    let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let date = text("x-amz-date").ok_or(SignatureError::Malformed)?;
    let signed_at = read_timestamp(date).filter(|at| at.date_naive() == scope.date).ok_or(SignatureError::Malformed)?;
    if !covers_what_it_must(signed_headers, request) {
        return Err(SignatureError::Malformed);
    }
    if (now - signed_at).abs() > MAX_SKEW {
        return Err(SignatureError::WrongTime);
    }

    let credentials = lookup(&access_key_id).ok_or(SignatureError::UnknownKey)?;
    let canonical = Canonical {
        method: request.method,
        path: &canonical_path_encoded_twice(request.path),
        query: &canonical_query(&query_pairs(request.query)),
        headers: &canonical_headers(signed_headers, request.headers).ok_or(SignatureError::Malformed)?,
        signed_headers,
        payload: &sha256_hex(body),
    };
    let right = SigningKey::derive(&credentials, &scope).verify(&canonical.text_to_sign(date, &scope), signature)
        && has_token(&credentials, text("x-amz-security-token"));
    if right { Ok(access_key_id) } else { Err(SignatureError::Mismatch) }
}

/// The host, or the request could be sent to another; and what begins with `x-amz-`, which changes what is meant.
fn covers_what_it_must(signed_headers: &str, request: &Received<'_>) -> bool {
    let is_signed = |wanted: &str| signed_headers.split(';').any(|name| name == wanted);
    is_signed("host")
        && request
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-amz-"))
            .all(|name| is_signed(name.as_str()))
}

/// The parts of the header.
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let parts = header.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in parts.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(Self { credential: credential?, signed_headers: signed_headers?, signature: signature? })
    }
}

#[cfg(test)]
mod tests;
