use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chrono::Duration;
use labelcast_functions::signing::Credentials;

use super::*;

const TOKEN: &str = "TOKEN/with+chars==";

/// A request of a client, as it came over the wire.
struct Sent {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: HeaderMap,
    body: &'static [u8],
}

impl Sent {
    fn new(method: &'static str, path: &'static str, headers: &[(&'static str, &'static str)]) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Self { method, path, query: "", headers, body: b"" }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    fn check(&self, service: &str, now: DateTime<Utc>, token: Option<&str>) -> Result<String, SignatureError> {
        let request = Received { method: self.method, path: self.path, query: self.query, headers: &self.headers };
        check_signed_headers(&request, self.body, service, now, |id: &str| {
            (id == "AKIDEXAMPLE").then(|| Credentials {
                access_key_id: id.into(),
                secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                session_token: token.map(str::to_owned),
            })
        })
    }
}

fn at(timestamp: &str) -> DateTime<Utc> {
    read_timestamp(timestamp).unwrap()
}

fn now() -> DateTime<Utc> {
    at("20261121T013000Z")
}

/// What boto3's `apigatewaymanagementapi` (botocore 1.44.5) sends, and so the AWS CLI, which is built on it.
fn from_boto3(method: &'static str, body: &'static [u8], authorization: &'static str) -> Sent {
    let headers = [
        ("host", "127.0.0.1:8765"),
        ("accept-encoding", "identity"),
        ("x-amz-date", "20261121T013000Z"),
        ("authorization", authorization),
        ("amz-sdk-request", "attempt=1; max=3"),
    ];
    Sent { body, ..Sent::new(method, "/live/@connections/YkOibd6goAMCLjg%3D", &headers) }
}

fn boto3_post() -> Sent {
    from_boto3(
        "POST",
        b"{\"hello\":\"world\"}",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=b446634a538c4a6f69520f9da4029a0a928cba93e6bee344df7b901434f82f00",
    )
}

#[test]
fn requests_signed_by_boto3_are_accepted() {
    let get = from_boto3(
        "GET",
        b"",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=b96a37f2d04cf40575aa30f5ea074d227eb343553d149aac25aa481d33a80a0d",
    );
    let delete = from_boto3(
        "DELETE",
        b"",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=95671fc3bcfdac3c3f0b5f8110c90b9e333666dc544e51c4ab0195c93e085b96",
    );
    for sent in [boto3_post(), get, delete] {
        assert_eq!(sent.check("execute-api", now(), None), Ok("AKIDEXAMPLE".to_owned()), "{}", sent.method);
    }
}

#[test]
fn requests_signed_by_boto3_with_temporary_credentials_are_accepted() {
    let mut sent = from_boto3(
        "POST",
        b"{\"hello\":\"world\"}",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, \
         Signature=c69af9cddae0be44f423615470891c0e763310fba1d0fed69196111bba9cdb9b",
    );
    sent.set("x-amz-security-token", TOKEN);
    assert!(sent.check("execute-api", now(), Some(TOKEN)).is_ok());
    assert_eq!(sent.check("execute-api", now(), Some("another")), Err(SignatureError::Mismatch));
    assert_eq!(sent.check("execute-api", now(), None), Err(SignatureError::Mismatch));
}

/// From AWS's published Signature Version 4 test suite.
#[test]
fn the_published_test_vectors_are_accepted() {
    let vector = |method, headers: &[(&'static str, &'static str)], signed, signature| {
        let mut sent = Sent::new(method, "/", &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")]);
        for (name, value) in headers {
            sent.set(name, value);
        }
        sent.set(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            ),
        );
        sent
    };
    let plain = "host;x-amz-date";
    let get = vector("GET", &[], plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    let post = vector("POST", &[], plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    let mut sorted = vector("GET", &[], plain, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    sorted.query = "Param2=value2&Param1=value1";
    let trimmed = vector(
        "GET",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    for sent in [get, post, sorted, trimmed] {
        assert!(sent.check("service", at("20150830T123600Z"), None).is_ok(), "{:?} {}", sent.headers, sent.query);
    }
}

#[test]
fn any_modification_in_transit_is_detected() {
    type Change = fn(&mut Sent);
    let changes: [(&str, Change); 7] = [
        ("method", |sent| sent.method = "PUT"),
        ("path", |sent| sent.path = "/live/@connections/AAAAAAAAAAAAAAA%3D"),
        ("query", |sent| sent.query = "a=b"),
        ("body", |sent| sent.body = b"{}"),
        ("host", |sent| sent.set("host", "example.org")),
        ("date", |sent| sent.set("x-amz-date", "20261121T013001Z")),
        ("signature", |sent| {
            let header = sent.headers["authorization"].to_str().unwrap().replace("b446", "b447");
            sent.set("authorization", &header);
        }),
    ];
    for (what, change) in changes {
        let mut sent = boto3_post();
        change(&mut sent);
        assert_eq!(sent.check("execute-api", now(), None), Err(SignatureError::Mismatch), "{what}");
    }
}

#[test]
fn a_signature_is_valid_within_fifteen_minutes_either_way() {
    let sent = boto3_post();
    for minutes in [-15, 15] {
        assert!(sent.check("execute-api", now() + Duration::minutes(minutes), None).is_ok());
    }
    for seconds in [-901, 901] {
        let late = now() + Duration::seconds(seconds);
        assert_eq!(sent.check("execute-api", late, None), Err(SignatureError::WrongTime));
    }
}

#[test]
fn a_malformed_signature_is_refused_with_a_reason() {
    let mut unsigned = boto3_post();
    unsigned.headers.remove("authorization");
    assert_eq!(unsigned.check("execute-api", now(), None), Err(SignatureError::Missing));
    assert_eq!(boto3_post().check("s3", now(), None), Err(SignatureError::WrongService));

    let mut smuggling = boto3_post();
    smuggling.set("x-amz-unsigned", "1");
    assert_eq!(smuggling.check("execute-api", now(), None), Err(SignatureError::Malformed));

    let right = boto3_post().headers["authorization"].to_str().unwrap().to_owned();
    for (from, to, expected) in [
        ("AWS4-HMAC-SHA256 ", "Bearer ", SignatureError::Malformed),
        ("host;x-amz-date", "x-amz-date", SignatureError::Malformed),
        ("host;x-amz-date", "host;x-amz-date;x-missing", SignatureError::Malformed),
        ("Signature=", "Signatur=", SignatureError::Malformed),
        ("/aws4_request", "", SignatureError::Malformed),
        ("20261121/us", "20261120/us", SignatureError::Malformed),
        ("AKIDEXAMPLE", "AKIDOTHER", SignatureError::UnknownKey),
        ("Signature=b4", "Signature=", SignatureError::Mismatch),
    ] {
        let mut sent = boto3_post();
        sent.set("authorization", &right.replace(from, to));
        assert_eq!(sent.check("execute-api", now(), None), Err(expected), "{from} → {to}");
    }
}
