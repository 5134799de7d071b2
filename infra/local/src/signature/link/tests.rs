use axum::http::HeaderMap;
use labelcast_functions::signing::presigned_get;
use proptest::prelude::*;

use super::*;
use crate::signature::samples::{credentials, now};

fn link(path: &str, token: Option<&str>) -> String {
    let query = [("response-content-type", "image/jpeg")];
    presigned_get("http://127.0.0.1:8080", path, &query, &credentials(token), "local", Duration::minutes(5), now())
}

/// Follows a link with the given method, host and time.
fn followed(link: &str, method: &str, host: &str, now: DateTime<Utc>, token: Option<&str>) -> Result<(), S3Error> {
    let rest = link.split_once("://").unwrap().1;
    let target = &rest[rest.find('/').unwrap()..];
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    let request = Received { method, path, query, headers: &headers };
    check_presigned(&request, now, |id: &str| (id == "AKIDEXAMPLE").then(|| credentials(token)))
}

fn get(link: &str, now: DateTime<Utc>) -> Result<(), S3Error> {
    followed(link, "GET", "127.0.0.1:8080", now, None)
}

#[test]
fn a_link_opens_its_object_until_it_expires() {
    let link = link("/images/processed/a b+c=é.jpg", None);
    assert_eq!(get(&link, now()), Ok(()));
    assert_eq!(get(&link, now() + Duration::seconds(299)), Ok(()));
    let error = get(&link, now() + Duration::minutes(5)).unwrap_err();
    assert_eq!((error.status, error.code, error.message.as_str()), (403, "AccessDenied", "Request has expired"));
    assert!(error.extra.contains(&("Expires", "2026-11-21T01:35:00Z".into())), "{error:?}");
    assert_eq!(get(&link, now() - Duration::minutes(16)).unwrap_err().message, "Request is not yet valid");
}

#[test]
fn a_link_opens_nothing_else() {
    let link = link("/images/processed/cat.jpg", None);
    let status_and_code = |result: Result<(), S3Error>| result.map_err(|error| (error.status, error.code));
    let mismatch = Err((403, "SignatureDoesNotMatch"));
    for (from, to) in [
        ("cat.jpg", "dog.jpg"),
        ("X-Amz-Expires=300", "X-Amz-Expires=301"),
        ("image%2Fjpeg", "text%2Fhtml"),
        ("20261121T013000Z", "20261121T013001Z"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ] {
        assert_eq!(status_and_code(get(&link.replace(from, to), now())), mismatch, "{from} → {to}");
    }
    assert_eq!(status_and_code(followed(&link, "PUT", "127.0.0.1:8080", now(), None)), mismatch);
    assert_eq!(status_and_code(followed(&link, "GET", "example.org", now(), None)), mismatch);
    let unknown = get(&link.replace("AKIDEXAMPLE", "AKIDOTHER"), now());
    assert_eq!(status_and_code(unknown), Err((403, "InvalidAccessKeyId")));
    let unsigned = get("http://127.0.0.1:8080/images/processed/cat.jpg", now());
    assert_eq!(status_and_code(unsigned), Err((403, "AccessDenied")));
    for (from, to) in [("X-Amz-Date=", "X-Date="), ("X-Amz-Expires=300", "X-Amz-Expires=604801"), ("%2Fs3%2F", "%2F")] {
        let malformed = get(&link.replace(from, to), now());
        assert_eq!(status_and_code(malformed), Err((400, "AuthorizationQueryParametersError")), "{from} → {to}");
    }
}

#[test]
fn temporary_credentials_require_their_session_token() {
    let link = link("/images/cat.jpg", Some("token"));
    assert_eq!(followed(&link, "GET", "127.0.0.1:8080", now(), Some("token")), Ok(()));
    let error = followed(&link, "GET", "127.0.0.1:8080", now(), Some("newer")).unwrap_err();
    assert_eq!(error.code, "InvalidToken");
}

#[test]
fn no_link_is_valid_for_more_than_seven_days() {
    let link = presigned_get("https://h:443", "/k", &[], &credentials(None), "eu", Duration::days(30), now());
    assert!(link.contains("X-Amz-Expires=604800&"), "{link}");
    let week = now() + Duration::days(7);
    assert_eq!(followed(&link, "GET", "h", week - Duration::seconds(1), None), Ok(()), "a client leaves :443 out");
    assert!(followed(&link, "GET", "h", week, None).is_err());
}

proptest! {
    #[test]
    fn every_object_can_be_linked_and_every_changed_byte_is_refused(
        key in "[^\\p{C}]{1,40}",
        place in any::<prop::sample::Index>(),
        byte in "[A-Za-z0-9%&=/._-]",
    ) {
        let link = link(&format!("/images/{key}"), None);
        prop_assert_eq!(get(&link, now()), Ok(()));

        let target = link.find("/images/").unwrap() + 1;
        let place = target + place.index(link.len() - target);
        let mut changed = link.clone();
        changed.replace_range(place..=place, &byte);
        // Another way of writing the same thing is no change: %3D and %3d, an escape of what needs none.
        let same = decoded(&changed) == decoded(&link) || changed.eq_ignore_ascii_case(&link);
        prop_assert!(same || get(&changed, now()).is_err(), "{}", changed);
    }
}
