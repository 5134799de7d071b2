//! The bytes of objects, in and out. Requests of our own, signed and sent as the SDK does: its own calls link the tables of some
//! hundred checksums, a thirteenth of a function, where S3 checks the SHA-256 that the signature has anyway.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::http::{Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use labelcast_functions::backoff::Backoff;
use labelcast_functions::ports::{ObjectKey, PortError, PortResult};

use super::{BucketPlace, WHAT};
use crate::sdk::Https;

/// Tries of a request that S3 did not take, the first included.
const ATTEMPTS: u32 = 4;
/// Between two tries; chance may take all of it off.
const WAITS: Backoff =
    Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_secs(1), jitter: 1.0 };
/// How long one try may take until the response begins.
const TIMEOUT: Duration = Duration::from_secs(6);
/// Of what S3 says of an error.
const MAX_ERROR_BYTES: usize = 16 * 1024;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests for objects of one bucket.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    https: Https,
    place: BucketPlace,
}

impl Transfer {
    pub(super) fn new(place: BucketPlace) -> Self {
        Self { https: Https::default(), place }
    }

    /// S3's response; its own errors and broken connections are tried again.
    pub(super) async fn send(
        &self,
        method: Method,
        key: &ObjectKey,
        content_type: Option<&str>,
        bytes: Bytes,
    ) -> PortResult<HttpResponse> {
        let mut attempt = 0;
        loop {
            let request = self.signed(&method, key, content_type, bytes.clone()).map_err(unavailable)?;
            let outcome = match tokio::time::timeout(TIMEOUT, self.https.call(request)).await {
                Ok(Ok(response)) if response.status().is_server_error() => taken(response).await,
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => Err(unavailable(error)),
                Err(_) => Err(unavailable(format!("timed out after {} s", TIMEOUT.as_secs()))),
            };
            attempt += 1;
            if attempt == ATTEMPTS {
                return outcome;
            }
            tokio::time::sleep(WAITS.wait(attempt, rand::random())).await;
        }
    }

    /// AWS Signature Version 4, in the header; keys have no characters that a path would have to escape.
    fn signed(
        &self,
        method: &Method,
        key: &ObjectKey,
        content_type: Option<&str>,
        bytes: Bytes,
    ) -> Result<HttpRequest, Failed> {
        let BucketPlace { origin, path, region, credentials, .. } = &self.place;
        let url = format!("{origin}{path}/{key}");
        let headers: Vec<_> = content_type.map(|kind| (header::CONTENT_TYPE.as_str(), kind)).into_iter().collect();
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "environment",
        );
        let identity = identity.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let signable = SignableRequest::new(method.as_str(), &url, headers.into_iter(), SignableBody::Bytes(&bytes))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = request.body(SdkBody::from(bytes))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.try_into()?)
    }
}

/// The response, unless it is an error; S3 says in the body what is wrong.
pub(super) async fn taken(response: HttpResponse) -> PortResult<HttpResponse> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let said = Limited::new(response.into_body(), MAX_ERROR_BYTES).collect().await.map_err(unavailable)?.to_bytes();
    Err(unavailable(format!("response {status}: {}", String::from_utf8_lossy(&said))))
}

fn unavailable(why: impl Into<Failed>) -> PortError {
    PortError::Unavailable { what: WHAT, why: why.into().to_string() }
}
