//! Links that let whoever has them read one object for a while.

use axum::http::HeaderMap;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use labelcast_functions::signing::{
    ALGORITHM, Canonical, MAX_LIFETIME, SigningKey, UNSIGNED_PAYLOAD, canonical_query, encoded_path,
};

use super::received::{Received, canonical_headers, decoded, query_pairs};
use super::scope::{CredentialScope, read_timestamp};
use super::{KeyLookup, MAX_SKEW, S3Error, has_token};

/// Checks a request that was made with such a link, as S3 does.
pub fn check_presigned(request: &Received<'_>, now: DateTime<Utc>, lookup: impl KeyLookup) -> Result<(), S3Error> {
    let mut pairs = query_pairs(request.query);
    let take = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let names = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];
    let found: Vec<Option<String>> = names.iter().map(|name| take(name)).collect();
    let signature = take("X-Amz-Signature");
    let token = take("X-Amz-Security-Token");
    if found.iter().all(Option::is_none) && signature.is_none() {
        return Err(S3Error::access_denied("Access Denied"));
    }
    let malformed = |message: &str| S3Error::new(400, "AuthorizationQueryParametersError", message);
    let (Some(signature), [Some(algorithm), Some(credential), Some(date), Some(expires), Some(signed)]) =
        (signature, found.as_slice())
    else {
        return Err(malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    };
    if algorithm != ALGORITHM {
        return Err(malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    let CredentialScope { access_key_id, scope } = credential
        .parse()
        .ok()
        .filter(|credential: &CredentialScope| credential.scope.service == "s3")
        .ok_or_else(|| malformed("X-Amz-Credential must be ACCESS-KEY-ID/YYYYMMDD/REGION/s3/aws4_request"))?;
    let signed_at = read_timestamp(date)
        .filter(|at| at.date_naive() == scope.date)
        .ok_or_else(|| malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
    let lifetime = expires
        .parse()
        .ok()
        .filter(|seconds| (1..=MAX_LIFETIME.num_seconds()).contains(seconds))
        .map(Duration::seconds)
        .ok_or_else(|| malformed("X-Amz-Expires must be between 1 and 604800 seconds"))?;

    let credentials = lookup(&access_key_id).ok_or_else(|| S3Error::unknown_key(&access_key_id))?;
    let wrong_signature = || S3Error::wrong_signature(&access_key_id, &signature);
    let headers = signed_headers(signed, request.headers).ok_or_else(wrong_signature)?;
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    let canonical = Canonical {
        method: request.method,
        path: &encoded_path(&decoded(request.path)),
        query: &canonical_query(&pairs),
        headers: &headers,
        signed_headers: signed,
        payload: UNSIGNED_PAYLOAD,
    };
    let text = canonical.text_to_sign(date, &scope);
    if !SigningKey::derive(&credentials, &scope).verify(&text, &signature) {
        return Err(wrong_signature());
    }
    if !has_token(&credentials, token.as_deref()) {
        return Err(S3Error::wrong_token());
    }
    check_time(signed_at, lifetime, now)
}

fn signed_headers(names: &str, headers: &HeaderMap) -> Option<String> {
    names.split(';').any(|name| name == "host").then(|| canonical_headers(names, headers)).flatten()
}

fn check_time(signed_at: DateTime<Utc>, lifetime: Duration, now: DateTime<Utc>) -> Result<(), S3Error> {
    if now + MAX_SKEW < signed_at {
        return Err(S3Error::access_denied("Request is not yet valid"));
    }
    let ends_at = signed_at + lifetime;
    if now >= ends_at {
        let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        return Err(S3Error::access_denied("Request has expired")
            .with("X-Amz-Expires", lifetime.num_seconds().to_string())
            .with("Expires", shown(ends_at))
            .with("ServerTime", shown(now)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
