//! Whether a request is a WebSocket handshake as RFC 6455 (4.2.1) wants it, and the response to one that is not.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::Response;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use labelcast_functions::rest::error;
use tungstenite::handshake::derive_accept_key;

/// Some clients make up 22 characters instead of encoding 16 bytes: the last bits of such a key are not zero.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The value of `Sec-WebSocket-Accept` for the client's key.
pub(super) fn accept_key(request: &Parts) -> Result<String, Box<Response>> {
    let headers = &request.headers;
    if request.method != Method::GET {
        return Err(bad("a WebSocket handshake must be a GET request").into());
    }
    if request.version < Version::HTTP_11 {
        return Err(bad("a WebSocket handshake requires HTTP/1.1").into());
    }
    if !has(headers, header::UPGRADE, "websocket") {
        return Err(upgrade_required("this address accepts WebSocket connections only").into());
    }
    if one(headers, &header::HOST)?.is_none() {
        return Err(bad("the header `Host` is missing").into());
    }
    if !has(headers, header::CONNECTION, "upgrade") {
        return Err(bad("the header `Connection` must contain `Upgrade`").into());
    }
    match one(headers, &header::SEC_WEBSOCKET_VERSION)? {
        Some("13") => {}
        Some(other) if other.parse::<u8>().is_ok() => {
            return Err(upgrade_required("the WebSocket version must be 13").into());
        }
        _ => return Err(bad("the header `Sec-WebSocket-Version` must be 13").into()),
    }
    let key = one(headers, &header::SEC_WEBSOCKET_KEY)?;
    let key = key.filter(|key| BASE64.decode(key).is_ok_and(|bytes| bytes.len() == 16));
    let key = key.ok_or_else(|| bad("the header `Sec-WebSocket-Key` must be 16 bytes in base64"))?;
    Ok(derive_accept_key(key.as_bytes()))
}

/// The value of a header that may stand there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Box<Response>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (values.next(), value.to_str()) {
        (None, Ok(value)) => Ok(Some(value.trim())),
        (Some(_), _) => Err(bad(&format!("the header `{name}` is given more than once")).into()),
        (None, Err(_)) => Err(bad(&format!("the header `{name}` is not valid text")).into()),
    }
}

fn has(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

fn bad(why: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "bad_request", why)
}

fn upgrade_required(why: &str) -> Response {
    let mut response = error(StatusCode::UPGRADE_REQUIRED, "upgrade_required", why);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const RIGHT: [(&str, &str); 5] = [
        ("host", "x"),
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// A right handshake with one header left out or changed, and others added.
    fn status(method: &str, left_out: &str, added: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/live");
        for (name, value) in RIGHT.iter().filter(|(name, _)| *name != left_out).chain(added) {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        accept_key(&parts).map_or_else(|refused| refused.status().as_u16(), |_| 101)
    }

    #[test]
    fn a_standard_handshake_is_accepted_and_anything_else_is_told_why_not() {
        assert_eq!(status("GET", "", &[]), 101);
        for method in ["HEAD", "POST"] {
            assert_eq!(status(method, "", &[]), 400, "{method}");
        }
        for (name, value, expected) in [
            ("host", "", 400),
            ("connection", "keep-alive", 400),
            ("upgrade", "h2c", 426),
            ("sec-websocket-version", "12", 426),
            ("sec-websocket-version", "0", 426),
            ("sec-websocket-version", "x", 400),
            ("sec-websocket-version", "13, 8", 400),
            ("sec-websocket-key", "", 400),
            ("sec-websocket-key", "short", 400),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", 400),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZTEyMw==", 400),
            ("sec-websocket-key", "!!!!IHNhbXBsZSBub25jZQ==", 400),
            ("sec-websocket-key", "abcdefghijklmnopqrstuv==", 101),
        ] {
            let added = [(name, value)];
            let added = if name == "host" { &[][..] } else { &added };
            assert_eq!(status("GET", name, added), expected, "{name}: {value}");
        }
        for (name, value) in RIGHT.iter().filter(|(name, _)| name.starts_with("sec-") || *name == "host") {
            assert_eq!(status("GET", "", &[(name, value)]), 400, "{name} twice");
            if *name != "host" {
                assert_eq!(status("GET", name, &[]), 400, "no {name}");
            }
        }
    }
}
