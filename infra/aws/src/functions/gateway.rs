//! REST requests as API Gateway hands them over (REST API, Lambda proxy integration), and answers as it takes them.
//!
//! By hand: `lambda_http` knows each kind of gateway, and the tables of every character set that a text may be in.

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body as Answer;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use labelcast_functions::error::Error;
use tower::ServiceExt;

/// Has a router answer.
pub(super) async fn answer(
    router: Router,
    event: ApiGatewayProxyRequest,
) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    let response = match request(event) {
        Ok(request) => router.oneshot(request).await?,
        Err(error) => axum::response::IntoResponse::into_response(error),
    };
    taken(response).await
}

fn request(event: ApiGatewayProxyRequest) -> Result<Request<Body>, Error> {
    let unreadable = || Error::bad_request("The request cannot be read.");
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded { STANDARD.decode(body).map_err(|_| unreadable())? } else { body.into() };
    // Decoded on the way here; pairs keep their order, and names may come more than once.
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(event.multi_value_query_string_parameters.iter())
        .finish();
    let path = event.path.unwrap_or_default();
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = event.http_method;
    *request.uri_mut() =
        if query.is_empty() { path.parse() } else { format!("{path}?{query}").parse() }.map_err(|_| unreadable())?;
    *request.headers_mut() = event.multi_value_headers;
    Ok(request)
}

async fn taken(response: Response<Body>) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut taken = ApiGatewayProxyResponse::default();
    taken.status_code = parts.status.as_u16().into();
    taken.multi_value_headers = parts.headers;
    // What is no text travels as base64.
    match String::from_utf8(body.into()) {
        Ok(text) => taken.body = Some(Answer::Text(text)),
        Err(bytes) => {
            taken.body = Some(Answer::Binary(bytes.into_bytes()));
            taken.is_base64_encoded = true;
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use axum::extract::RawQuery;
    use axum::http::{HeaderMap, Uri, header};
    use axum::routing::any;
    use serde_json::{Value, json};

    use super::*;

    async fn answered(event: Value) -> Value {
        let seen = |uri: Uri, RawQuery(query): RawQuery, headers: HeaderMap, body: String| async move {
            let kind = headers.get("X-Kind").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
            json!({ "path": uri.path(), "query": query, "kind": kind, "body": body }).to_string()
        };
        let bytes = || async { ([(header::SET_COOKIE, "a=1"), (header::CONTENT_TYPE, "font/woff2")], [0xff_u8, 0xfe]) };
        let router = Router::new().route("/seen/{name}", any(seen)).route("/bytes", any(bytes));
        let mut whole = json!({"requestContext": {"httpMethod": "GET"}, "httpMethod": "GET"});
        whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let event = serde_json::from_value(whole).expect("an event of API Gateway");
        serde_json::to_value(answer(router, event).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_request_comes_as_it_was_sent() {
        let answer = answered(json!({
            "path": "/seen/app:one",
            "httpMethod": "POST",
            "multiValueHeaders": {"X-Kind": ["test"]},
            "multiValueQueryStringParameters": {"labels": ["a b", "c&d=e"]},
            "queryStringParameters": {"labels": "c&d=e"},
            "body": "w6Q=",
            "isBase64Encoded": true
        }))
        .await;
        let seen: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let expected =
            json!({"path": "/seen/app:one", "query": "labels=a+b&labels=c%26d%3De", "kind": "test", "body": "ä"});
        assert_eq!((&seen, &answer["statusCode"], &answer["isBase64Encoded"]), (&expected, &json!(200), &json!(false)));
    }

    #[tokio::test]
    async fn bytes_travel_as_base64_with_their_headers() {
        let answer = answered(json!({"path": "/bytes"})).await;
        assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("//4="), &json!(true)));
        assert_eq!(answer["multiValueHeaders"]["set-cookie"], json!(["a=1"]));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused_in_our_words() {
        for event in [json!({"path": "/seen/one", "body": "%", "isBase64Encoded": true}), json!({"path": "no path"})] {
            let answer = answered(event).await;
            assert_eq!(answer["statusCode"], 400);
            assert!(answer["body"].as_str().unwrap().contains("bad_request"));
        }
    }
}
