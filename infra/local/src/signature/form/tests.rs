use chrono::Duration;
use labelcast_functions::signing::{PostForm, Scope, post_form, timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::signature::samples::{credentials, now};

type FormFields = Vec<(String, String)>;

fn fields_of(form: &PostForm, token: Option<&str>) -> FormFields {
    let post = post_form(form, "http://127.0.0.1:8080/images", &credentials(token), "local", now());
    post.fields.into_iter().collect()
}

fn upload() -> PostForm {
    PostForm {
        bucket: "images".into(),
        key: "new/u1".into(),
        content_type: "image/jpeg".into(),
        size: 1..=1000,
        expires_at: now() + Duration::minutes(15),
    }
}

fn check(fields: &FormFields) -> Result<Accepted, S3Error> {
    check_in("images", fields, now(), None)
}

fn check_in(
    bucket: &str,
    fields: &FormFields,
    now: DateTime<Utc>,
    filename: Option<&str>,
) -> Result<Accepted, S3Error> {
    let form = IncomingForm { bucket, fields, filename };
    PostPolicy::check(&form, now, |id: &str| (id == "AKIDEXAMPLE").then(|| credentials(None)))
}

fn refused(fields: &FormFields) -> (u16, &'static str, String) {
    let error = check(fields).expect_err("the form is refused");
    (error.status, error.code, error.message)
}

/// A form with any policy, signed right, and these fields beside.
fn signed(conditions: &Value, beside: &[(&str, &str)]) -> FormFields {
    let scope = Scope::new(now(), "local", "s3");
    let own = [
        ("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()),
        ("x-amz-credential".to_owned(), format!("AKIDEXAMPLE/{scope}")),
        ("x-amz-date".to_owned(), timestamp(now())),
    ];
    let mut all = conditions.as_array().unwrap().clone();
    all.extend(own.iter().map(|(name, value)| json!({name: value})));
    let policy = json!({"expiration": "2026-11-21T02:00:00.000Z", "conditions": all}).to_string();
    with_policy(&policy, own.into_iter().chain(beside.iter().map(|(n, v)| ((*n).into(), (*v).into()))).collect())
}

fn with_policy(policy: &str, mut fields: FormFields) -> FormFields {
    let policy = STANDARD.encode(policy);
    let signature = SigningKey::derive(&credentials(None), &Scope::new(now(), "local", "s3")).sign(&policy);
    fields.push(("policy".into(), policy));
    fields.push(("x-amz-signature".into(), signature));
    fields
}

fn set(fields: &mut FormFields, name: &str, value: &str) {
    fields.iter_mut().find(|(found, _)| found == name).unwrap().1 = value.into();
}

#[test]
fn our_own_form_is_accepted() {
    let accepted = Accepted {
        key: "new/u1".into(),
        content_type: Some("image/jpeg".into()),
        size: 1..=1000,
        success_action_status: 204,
    };
    let mut fields = fields_of(&upload(), None);
    assert_eq!(check(&fields), Ok(accepted.clone()));
    for (name, _) in &mut fields {
        *name = name.to_uppercase();
    }
    fields.push(("x-ignore-me".into(), "anything".into()));
    assert_eq!(check(&fields), Ok(accepted), "names in any case, ignored fields");
}

/// `generate_presigned_post` of botocore 1.44.5.
#[test]
fn a_form_signed_by_boto3_is_accepted() {
    let policy = "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMjFUMDE6NDU6MDBaIiwgImNvbmRpdGlvbnMiOiBbeyJDb250ZW50LVR5cGUiOiAiaW1hZ2\
                  UvanBlZyJ9LCB7InN1Y2Nlc3NfYWN0aW9uX3N0YXR1cyI6ICIyMDQifSwgWyJjb250ZW50LWxlbmd0aC1yYW5nZSIsIDEsIDEwMDBdLC\
                  B7ImJ1Y2tldCI6ICJwaWN0dXJlcyJ9LCB7ImtleSI6ICJuZXcvdTEifSwgeyJ4LWFtei1hbGdvcml0aG0iOiAiQVdTNC1ITUFDLVNIQT\
                  I1NiJ9LCB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJREVYQU1QTEUvMjAyNjExMjEvZXUtd2VzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LC\
                  B7IngtYW16LWRhdGUiOiAiMjAyNjExMjFUMDEzMDAwWiJ9XX0=";
    let fields = [
        ("Content-Type", "image/jpeg"),
        ("success_action_status", "204"),
        ("key", "new/u1"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", "AKIDEXAMPLE/20261121/eu-west-1/s3/aws4_request"),
        ("x-amz-date", "20261121T013000Z"),
        ("policy", policy),
        ("x-amz-signature", "55040aa84f2b06455165ff1fda7910be5d80f29e94a80c35722be71e4e041bb4"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let accepted = check_in("pictures", &fields, now(), None).unwrap();
    assert_eq!((accepted.key.as_str(), accepted.size), ("new/u1", 1..=1000));
}

#[test]
fn a_file_outside_the_size_range_is_refused() {
    let accepted = check(&fields_of(&upload(), None)).unwrap();
    for size in [1, 1000] {
        assert_eq!(accepted.check_size(size), Ok(()));
    }
    let large = accepted.check_size(1001).unwrap_err();
    assert_eq!((large.status, large.code), (400, "EntityTooLarge"));
    assert_eq!(large.extra, [("ProposedSize", "1001".to_owned()), ("MaxSizeAllowed", "1000".to_owned())]);
    let small = accepted.check_size(0).unwrap_err();
    assert_eq!((small.status, small.code), (400, "EntityTooSmall"));
    assert_eq!(small.extra, [("ProposedSize", "0".to_owned()), ("MinSizeAllowed", "1".to_owned())]);
}

#[test]
fn a_failed_condition_is_named() {
    let mut fields = fields_of(&upload(), None);
    set(&mut fields, "key", "processed/u1");
    let failed = r#"Invalid according to Policy: Policy Condition failed: ["eq", "$key", "new/u1"]"#;
    assert_eq!(refused(&fields), (403, "AccessDenied", failed.into()));

    let fields = fields_of(&upload(), None);
    let error = check_in("others", &fields, now(), None).unwrap_err();
    let failed = r#"Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "images"]"#;
    assert_eq!((error.status, error.code, error.message.as_str()), (403, "AccessDenied", failed));
}

#[test]
fn a_form_expires() {
    let fields = fields_of(&upload(), None);
    assert!(check_in("images", &fields, now() + Duration::seconds(899), None).is_ok());
    let error = check_in("images", &fields, now() + Duration::seconds(900), None).unwrap_err();
    let expired = "Invalid according to Policy: Policy expired.";
    assert_eq!((error.status, error.code, error.message.as_str()), (403, "AccessDenied", expired));
}

#[test]
fn a_tampered_policy_is_refused() {
    let wider = fields_of(&PostForm { size: 1..=u64::MAX, ..upload() }, None);
    let wider = &wider.iter().find(|(name, _)| name == "policy").unwrap().1;
    let mut fields = fields_of(&upload(), None);
    set(&mut fields, "policy", wider);
    assert_eq!(refused(&fields).1, "SignatureDoesNotMatch");

    let mut fields = fields_of(&upload(), None);
    set(&mut fields, "x-amz-credential", "AKIDOTHER/20261121/local/s3/aws4_request");
    assert_eq!((refused(&fields).0, refused(&fields).1), (403, "InvalidAccessKeyId"));
}

#[test]
fn a_field_without_a_condition_is_refused() {
    let mut fields = fields_of(&upload(), None);
    fields.push(("acl".into(), "public-read".into()));
    fields.push(("x-amz-meta-a".into(), "b".into()));
    let extra = "Invalid according to Policy: Extra input fields: acl, x-amz-meta-a";
    assert_eq!(refused(&fields), (403, "AccessDenied", extra.into()));
}

#[test]
fn a_missing_field_is_named() {
    for (name, shown) in [
        ("x-amz-signature", "X-Amz-Signature"),
        ("x-amz-algorithm", "X-Amz-Algorithm"),
        ("x-amz-credential", "X-Amz-Credential"),
        ("x-amz-date", "X-Amz-Date"),
        ("policy", "policy"),
        ("key", "key"),
    ] {
        let mut fields = fields_of(&upload(), None);
        fields.retain(|(found, _)| found != name);
        let (status, code, message) = refused(&fields);
        assert_eq!((status, code), (400, "InvalidArgument"), "{name}");
        assert!(message.contains(&format!("'{shown}'")), "{message}");
    }
    let anonymous = vec![("key".to_owned(), "new/u1".to_owned())];
    assert_eq!(refused(&anonymous), (403, "AccessDenied", "Access Denied".into()));
}

#[test]
fn a_repeated_or_endless_field_is_refused() {
    let mut fields = fields_of(&upload(), None);
    fields.push(("KEY".into(), "new/u2".into()));
    assert_eq!((refused(&fields).0, refused(&fields).1), (400, "InvalidArgument"));
    let mut fields = fields_of(&upload(), None);
    fields.push(("x-ignore-me".into(), "x".repeat(20 << 10)));
    assert_eq!((refused(&fields).0, refused(&fields).1), (400, "MaxPostPreDataLengthExceeded"));
}

#[test]
fn every_kind_of_condition_is_understood() {
    let conditions = json!([
        {"bucket": "images"},
        ["starts-with", "$KEY", "user/"],
        ["Starts-With", "$content-type", "image/"],
        ["starts-with", "$x-amz-meta-note", ""],
        ["eq", "$success_action_status", "201"],
        ["content-length-range", "10", 20],
        ["content-length-range", 5, 15],
    ]);
    let beside = [
        ("key", "user/${filename}"),
        ("Content-Type", "image/png,image/jpeg"),
        ("x-amz-meta-note", "anything"),
        ("success_action_status", "201"),
    ];
    let fields = signed(&conditions, &beside);
    let accepted = check_in("images", &fields, now(), Some("C:\\pictures\\cat.jpg")).unwrap();
    assert_eq!(accepted.key, "user/cat.jpg");
    assert_eq!((accepted.size, accepted.success_action_status), (10..=15, 201));
    assert_eq!(check(&fields).unwrap().key, "user/${filename}", "without a file name it stays");

    let mut mixed = fields;
    set(&mut mixed, "Content-Type", "image/png,text/html");
    assert!(refused(&mixed).2.contains(r#"["starts-with", "$content-type", "image/"]"#), "{:?}", refused(&mixed));
}

#[test]
fn a_malformed_policy_is_refused() {
    for conditions in [
        json!([{"bucket": "images", "key": "new/u1"}]),
        json!([{}]),
        json!([{"key": 1}]),
        json!([["eq", "$key"]]),
        json!([["eq", "key", "new/u1"]]),
        json!([["ends-with", "$key", "u1"]]),
        json!([["content-length-range", "few", 20]]),
        json!([["content-length-range", -1, 20]]),
        json!(["key"]),
    ] {
        let (status, code, _) = refused(&signed(&conditions, &[("key", "new/u1")]));
        assert_eq!((status, code), (400, "InvalidPolicyDocument"), "{conditions}");
    }
    let own = |policy| with_policy(policy, signed(&json!([]), &[])[..3].to_vec());
    for policy in ["", "{", "[]", r#"{"conditions":[]}"#, r#"{"expiration":"soon","conditions":[]}"#] {
        assert_eq!(refused(&own(policy)).1, "InvalidPolicyDocument", "{policy}");
    }
}

#[test]
fn temporary_credentials_require_their_session_token() {
    let fields = fields_of(&upload(), Some("token"));
    let form = IncomingForm { bucket: "images", fields: &fields, filename: None };
    let with = |token| PostPolicy::check(&form, now(), move |_: &str| Some(credentials(token)));
    assert!(with(Some("token")).is_ok());
    assert_eq!(with(Some("newer")).unwrap_err().code, "InvalidToken");
    assert_eq!(with(None).unwrap_err().code, "InvalidToken");
}

proptest! {
    #[test]
    fn no_field_of_an_accepted_form_can_be_changed_removed_or_added(
        key in "[^\\p{C}$]{1,40}",
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        put in "[ -~]",
        name in "[a-z-]{1,12}",
    ) {
        let original = fields_of(&PostForm { key, ..upload() }, None);
        prop_assert!(check(&original).is_ok());

        let mut changed = original.clone();
        let which = which.index(original.len());
        let value = &mut changed[which].1;
        let characters: Vec<_> = value.char_indices().collect();
        let (at, old) = characters[place.index(characters.len())];
        value.replace_range(at..at + old.len_utf8(), &put);
        let hex_in_another_case = changed[which].0 == "x-amz-signature"
            && changed[which].1.eq_ignore_ascii_case(&original[which].1);
        prop_assert!(changed == original || hex_in_another_case || check(&changed).is_err(), "{:?}", changed);

        let mut removed = original.clone();
        removed.remove(which);
        prop_assert!(check(&removed).is_err());

        let mut added = original;
        added.push((name.clone(), put));
        prop_assert!(name.starts_with(IGNORED) || ["file", "bucket"].contains(&name.as_str()) || check(&added).is_err());
    }

    #[test]
    fn sizes_are_accepted_only_within_the_range(least in 0u64..1 << 24, more in 0u64..1 << 24, size: u64) {
        let most = least + more;
        let accepted = check(&fields_of(&PostForm { size: least..=most, ..upload() }, None)).unwrap();
        prop_assert_eq!(accepted.check_size(size).is_ok(), (least..=most).contains(&size));
        prop_assert_eq!(accepted.check_size(least), Ok(()));
        prop_assert_eq!(accepted.check_size(most), Ok(()));
        prop_assert!(accepted.check_size(most + 1).is_err());
        prop_assert!(least == 0 || accepted.check_size(least - 1).is_err());
    }
}
