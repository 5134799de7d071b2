//! Extractors that answer what they cannot read in the shape of our errors, and in words for people.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::path::ErrorKind as PathErrorKind;
use axum::extract::rejection::{BytesRejection, FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::error::error;
use super::words;
use crate::error::{Error, ErrorKind, Result};

/// A JSON body, which is an object.
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Error;
    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let axum::Json(Object(body)) = axum::Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// An object, and nothing else: what serde derives takes a list of the fields' values too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> std::result::Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A form, sent as `application/x-www-form-urlencoded`.
#[derive(FromRequest)]
#[from_request(via(axum::Form), rejection(Error))]
pub struct Form<T>(pub T);

/// The query string. Every name and every value has to be UTF-8, those that nobody asks for too.
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        is_utf8(parts.uri.query().unwrap_or_default())?;
        let axum::extract::Query(query) = axum::extract::Query::try_from_uri(&parts.uri)?;
        Ok(Self(query))
    }
}

/// The parser replaces what is no UTF-8, and would look for something that nobody meant.
fn is_utf8(query: &str) -> Result<()> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let readable = |text: &str| percent_decode_str(text).decode_utf8().is_ok();
        if !readable(name) || !readable(value) {
            let name: String = percent_decode_str(name).decode_utf8_lossy().chars().take(40).collect();
            return Err(Error::bad_request(format!("`{name}` in the query string is not UTF-8")));
        }
    }
    Ok(())
}

/// What the path holds, or the error that says what is wrong with it.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        let text = rejection.body_text();
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::new(
                ErrorKind::UnsupportedType,
                "send the body as JSON, with the header `Content-Type: application/json`",
            ),
            JsonRejection::JsonDataError(_) => Self::bad_request(words::of_data(cause(&text))),
            JsonRejection::JsonSyntaxError(_) => {
                let place = words::position(&text).map(|position| format!(" ({position})")).unwrap_or_default();
                Self::bad_request(format!("the body is not JSON{place}"))
            }
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => Self::bad_request(other.body_text()),
        }
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::new(ErrorKind::TooLarge, "the request body is too large for this call")
        } else {
            Self::bad_request("the request body was incomplete or too slow")
        }
    }
}

impl From<FormRejection> for Error {
    fn from(rejection: FormRejection) -> Self {
        let text = rejection.body_text();
        match rejection {
            FormRejection::InvalidFormContentType(_) => Self::new(
                ErrorKind::UnsupportedType,
                "send the form with the header `Content-Type: application/x-www-form-urlencoded`",
            ),
            FormRejection::BytesRejection(rejection) => rejection.into(),
            _ => Self::bad_request(words::of_data(cause(&text))),
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(words::of_data(cause(&rejection.body_text())))
    }
}

impl From<PathRejection> for Error {
    fn from(rejection: PathRejection) -> Self {
        match rejection {
            PathRejection::FailedToDeserializePathParams(rejection) => match rejection.kind() {
                PathErrorKind::InvalidUtf8InPathParam { .. } => Self::bad_request("a segment of the path is not UTF-8"),
                _ => Self::not_found("nothing found at this address"),
            },
            other => {
                tracing::error!(error = %other, "a route lacks a parameter that its handler reads");
                Self::new(ErrorKind::Internal, "internal error; the operator can find the reason in the log")
            }
        }
    }
}

/// What stands behind the words that axum begins its rejections with.
fn cause(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, cause)| cause)
}

/// For addresses that lead nowhere.
pub async fn fallback(OriginalUri(uri): OriginalUri) -> Error {
    Error::not_found(format!("nothing found at {}; openapi.json lists what there is", uri.path()))
}

/// For addresses that take other methods, which axum lists in `Allow`.
pub async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let message =
        format!("{} does not support {method}; the header `Allow` lists the methods that it does", uri.path());
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Picture {
        name: String,
        size: u64,
    }

    async fn read(body: &'static str) -> std::result::Result<Picture, String> {
        let request = Request::post("/").header("content-type", "application/json").body(Body::from(body)).unwrap();
        let read = Json::from_request(request, &()).await;
        read.map(|Json(picture)| picture).map_err(|error| error.message)
    }

    #[tokio::test]
    async fn a_body_must_be_an_object_and_the_error_names_what_it_is_instead() {
        let picture = read(r#"{"name":"cat","size":5}"#).await.unwrap();
        assert_eq!((picture.name.as_str(), picture.size), ("cat", 5));
        for (body, found) in [
            ("[]", "a list"),
            (r#"["cat",5]"#, "a list"),
            ("0", "`0`"),
            ("null", "null"),
            ("true", "`true`"),
            (r#""cat""#, "the text \"cat\""),
        ] {
            assert_eq!(read(body).await.unwrap_err(), format!("the value must be an object, not {found}"), "{body}");
        }
        assert_eq!(read(r#"{"name":[],"size":5}"#).await.unwrap_err(), "`name` must be text, not a list");
    }
}
