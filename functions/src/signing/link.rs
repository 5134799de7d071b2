//! Links that let whoever has them read one object for a while.

use chrono::{DateTime, Duration, Utc};

use super::canonical::{Canonical, canonical_query, encoded_path};
use super::key::timestamp;
use super::{ALGORITHM, Credentials, Scope, SigningKey};

/// The longest that a link may live.
pub const MAX_LIFETIME: Duration = Duration::days(7);

/// In place of the hash of a body: a link cannot know it.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// A link to `GET` one object.
///
/// `base` is scheme and host (`https://BUCKET.s3.REGION.amazonaws.com`); `path` begins with `/` and is not encoded;
/// `lifetime` is cut to [`MAX_LIFETIME`]; `query` holds further pairs to sign, for example
/// `("response-content-type", "image/jpeg")`.
pub fn presigned_get(
    base: &str,
    path: &str,
    query: &[(&str, &str)],
    credentials: &Credentials,
    region: &str,
    lifetime: Duration,
    now: DateTime<Utc>,
) -> String {
    let base = base.trim_end_matches('/');
    let scope = Scope::new(now, region, "s3");
    let lifetime = lifetime.clamp(Duration::seconds(1), MAX_LIFETIME).num_seconds();
    let mut pairs: Vec<(String, String)> = vec![
        ("X-Amz-Algorithm".into(), ALGORITHM.into()),
        ("X-Amz-Credential".into(), format!("{}/{scope}", credentials.access_key_id)),
        ("X-Amz-Date".into(), timestamp(now)),
        ("X-Amz-Expires".into(), lifetime.to_string()),
        ("X-Amz-SignedHeaders".into(), "host".into()),
    ];
    pairs.extend(credentials.session_token.clone().map(|token| ("X-Amz-Security-Token".into(), token)));
    pairs.extend(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let query = canonical_query(&pairs);
    let path = encoded_path(path);
    let canonical = Canonical {
        method: "GET",
        path: &path,
        query: &query,
        headers: &format!("host:{}\n", host_of(base)),
        signed_headers: "host",
        payload: UNSIGNED_PAYLOAD,
    };
    let signature = SigningKey::derive(credentials, &scope).sign(&canonical.text_to_sign(&timestamp(now), &scope));
    format!("{base}{path}?{query}&X-Amz-Signature={signature}")
}

/// The `Host` that clients will send: without a port that is the scheme's own.
fn host_of(base: &str) -> &str {
    match base.split_once("://") {
        Some(("https", host)) => host.strip_suffix(":443").unwrap_or(host),
        Some(("http", host)) => host.strip_suffix(":80").unwrap_or(host),
        Some((_, host)) => host,
        None => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.map(str::to_owned),
        }
    }

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap()
    }

    /// From AWS's page "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
    #[test]
    fn a_link_matches_the_published_aws_example() {
        let published = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        };
        let link = presigned_get(
            "https://examplebucket.s3.amazonaws.com",
            "/test.txt",
            &[],
            &published,
            "us-east-1",
            Duration::days(1),
            at("2013-05-24T00:00:00Z"),
        );
        assert_eq!(
            link,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    /// Signatures of botocore 1.44.5 for the same object, without and with temporary credentials.
    #[test]
    fn a_link_matches_one_signed_by_boto3() {
        for (token, signature) in [
            (None, "7a15d53498a3d4e48e714ab14758768b0401637a92299ed974b5c07b413ef921"),
            (Some("TOKEN/with+chars=="), "c5a27db65b4d8f28196c9c5710a4ba7878c310ddaa0c63a9e6ee9264bb584420"),
        ] {
            let link = presigned_get(
                "https://pictures.s3.eu-west-1.amazonaws.com",
                "/processed/a b+c=é.jpg",
                &[("response-content-type", "image/jpeg")],
                &credentials(token),
                "eu-west-1",
                Duration::minutes(5),
                at("2026-11-21T01:30:00Z"),
            );
            assert!(link.starts_with("https://pictures.s3.eu-west-1.amazonaws.com/processed/a%20b%2Bc%3D%C3%A9.jpg?"));
            assert!(link.ends_with(&format!("&X-Amz-Signature={signature}")), "{link}");
        }
    }
}
