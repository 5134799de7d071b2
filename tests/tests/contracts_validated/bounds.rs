//! Requests are accepted exactly if the contracts allow them: patterns, lengths, enumerations, minimums and maximums.
//!
//! The values are the same for every field, good for some and bad for most, and stand on both sides of each bound.

use labelcast_tests::schemas::Document;
use labelcast_tests::{Server, Socket};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::examples::operations;
use crate::document;

/// Texts at the edge of some pattern, length or list.
fn texts() -> Vec<String> {
    let plain = [
        "",
        " ",
        "-",
        "0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "2e2",
        "20",
        "100",
        "100.5",
        "101",
        "200",
        "201",
        "1000",
        "1001",
        "x",
        "dog",
        "dog -person",
        "dog OR",
        "OR dog",
        "(dog",
        "(dog OR cat) sun*",
        "dog:95",
        "dog:101",
        "\"hot dog\"",
        "\"hot dog",
        "is:red",
        "by:me",
        "en",
        "EN",
        "nl",
        "xx",
        "pending",
        "approved",
        "removed",
        "visible",
        "Pending",
        "labels",
        "uploads",
        "runs",
        "Labels",
        "app:",
        "app:a b",
        "app:builds",
        "device:42",
        "image/jpeg",
        "image/webp",
        "image/gif",
        "build.done",
        "f3db6502df3a5448-7",
        "f3db6502df3a5448-0",
        "f3db6502df3a5448-07",
        "f3db6502df3a5448-9999999999999999999",
        "f3db6502df3a5448-99999999999999999999",
        "F3DB6502DF3A5448-7",
        "f3db6502df3a5448",
        "\u{0}",
        "ä",
        "日本",
    ];
    let long = ["a", "ä", "日"].into_iter().flat_map(|letter| {
        [64, 65, 100, 101, 127, 128, 129, 255, 256, 512, 513].into_iter().map(move |length| letter.repeat(length))
    });
    let topics = [64, 65].map(|length| format!("app:{}", "a".repeat(length)));
    let images = [format!("{:0>64}", "ab"), format!("{:0>64}", "AB")];
    // More words than 64 are refused too, which no pattern of a schema can say.
    let phrases = [33, 64].map(|words| vec!["dog"; words].join(" "));
    plain.map(str::to_owned).into_iter().chain(long).chain(topics).chain(images).chain(phrases).collect()
}

/// Values of other kinds too.
fn values() -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(5.0),
        json!(5.5),
        json!(15_728_640),
        json!(15_728_641),
        json!(1e30),
        json!([]),
        json!([1]),
        json!(["labels"]),
        json!(["labels", "labels"]),
        json!(["labels", "nothing"]),
        json!({}),
        json!({"labels": "f3db6502df3a5448-7"}),
        json!({"labels": "x"}),
        json!({"runs": "x"}),
        json!({"labels": 7}),
    ];
    texts().into_iter().map(Value::String).chain(others).collect()
}

/// A server that takes everything that is asked of it here, and who asks.
struct Asking {
    server: Server,
    contract: Value,
    document: Document,
    token: String,
    key: String,
}

impl Asking {
    async fn new() -> Self {
        let generous = ["--uploads-per-hour", "100000", "--messages-per-second", "100000"];
        let server = Server::start(&generous).await;
        let contract = document(&server, "openapi.json").await;
        let token = server.token("moderator").await;
        let key = server.command(&["keys", "add", "all", "--allow", "search,publish:app:*"]).await;
        Self { document: Document::new(&contract), contract, server, token, key }
    }

    /// A request with the examples of the document, but for one parameter.
    fn request(&self, place: &str, operation: &Value, parameter: &str, value: &str) -> RequestBuilder {
        let (path, method) = place.trim_start_matches("/paths/").rsplit_once('/').unwrap();
        let mut path = path.replace("~1", "/");
        let (mut query, mut headers) = (Vec::new(), Vec::new());
        for described in operation["parameters"].as_array().into_iter().flatten() {
            let name = described["name"].as_str().unwrap();
            let value = match name == parameter {
                true => value.to_owned(),
                false if described["required"] != true => continue,
                false => described["example"].as_str().unwrap().to_owned(),
            };
            match described["in"].as_str().unwrap() {
                "path" => {
                    path = path
                        .replace(&format!("{{{name}}}"), &utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string());
                }
                "query" => query.push((name.to_owned(), value)),
                "header" => headers.push((name.to_owned(), value)),
                other => panic!("{place}: a parameter in {other}"),
            }
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let mut request = self.server.request(method, &format!("/api{path}")).query(&query);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.signed(request, operation)
    }

    fn signed(&self, request: RequestBuilder, operation: &Value) -> RequestBuilder {
        match operation["security"][0].get("key") {
            Some(_) => request.header("x-api-key", &self.key),
            None => request.bearer_auth(&self.token),
        }
    }
}

/// A parameter's text as the schema sees it.
fn as_schema(schema: &Value, text: &str) -> Value {
    let kinds = schema["type"].to_string();
    match kinds.contains("integer") || kinds.contains("number") {
        true => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        false => json!(text),
    }
}

#[tokio::test]
async fn a_parameter_is_accepted_if_and_only_if_its_schema_allows_it() {
    let asking = Asking::new().await;
    let (mut sent, mut differences) = (0, Vec::new());
    for (place, operation) in operations(&asking.contract) {
        for (index, parameter) in operation["parameters"].as_array().into_iter().flatten().enumerate() {
            let name = parameter["name"].as_str().unwrap();
            let (schema, validator) = (&parameter["schema"], format!("{place}/parameters/{index}/schema"));
            let validator = asking.document.validator(&validator);
            for text in texts() {
                // No segment of a path is empty, and a header holds no such characters.
                let is_header = parameter["in"] == "header";
                if parameter["in"] == "path" && text.is_empty()
                    || is_header && !text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                    || is_header && text.trim() != text
                {
                    continue;
                }
                let allowed = validator.is_valid(&as_schema(schema, &text));
                let mut request = asking.request(&place, operation, name, &text);
                if let Some(example) = operation.pointer("/requestBody/content/application~1json/example") {
                    request = request.json(example);
                }
                let response = request.send().await.unwrap();
                let status = response.status().as_u16();
                let body = response.text().await.unwrap();
                let what = format!("{place} {name}={:?} ({} characters): {status} {body}", text, text.chars().count());
                assert!(status < 500, "{what}");
                let refused = matches!(status, 400 | 404) || status == 403 && name == "topic";
                match allowed {
                    // Of what is well formed, there may be none, or it may not be for this caller; and only cursors that were
                    // handed out are good.
                    true if parameter["in"] == "path" || name == "cursor" => {}
                    true if refused => differences.push(format!("the schema allows {what}")),
                    false if !refused => differences.push(format!("the schema forbids {what}")),
                    _ => {}
                }
                sent += 1;
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(sent > 1_000, "{sent}");
}

#[tokio::test]
async fn a_body_is_accepted_if_and_only_if_its_schema_allows_it() {
    let asking = Asking::new().await;
    let (mut bodies, mut differences) = (0, Vec::new());
    for (place, operation) in operations(&asking.contract) {
        let Some(example) = operation.pointer("/requestBody/content/application~1json/example") else { continue };
        let validator = asking.document.validator(&format!("{place}/requestBody/content/application~1json/schema"));
        for field in example.as_object().unwrap().keys() {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(field);
            let with = |value: Value| {
                let mut body = example.clone();
                body[field] = value;
                body
            };
            for body in values().into_iter().map(with).chain([without]) {
                let response = asking.request(&place, operation, "", "").json(&body).send().await.unwrap();
                let status = response.status().as_u16();
                let text = response.text().await.unwrap();
                let what = format!("{place} {body}: {status} {text}");
                match validator.is_valid(&body) {
                    true if status >= 300 => differences.push(format!("the schema allows {what}")),
                    false if !matches!(status, 400 | 413 | 415) => {
                        differences.push(format!("the schema forbids {what}"));
                    }
                    _ => {}
                }
                bodies += 1;
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(bodies > 300, "{bodies}");
}

#[tokio::test]
async fn a_frame_is_accepted_if_and_only_if_its_schema_allows_it() {
    let asking = Asking::new().await;
    let contract = document(&asking.server, "asyncapi.json").await;
    let closed = Document::new(&contract);
    let mut socket: Socket = asking.server.connect(&asking.token).await;
    let (mut frames, mut differences) = (0, Vec::new());
    for (name, message) in contract["components"]["messages"].as_object().unwrap() {
        let mut example = message["examples"][0]["payload"].clone();
        if example.get("action").is_none() {
            continue;
        }
        // Only topics about images take a filter; and this is a token.
        if name == "refresh" {
            example["token"] = json!(asking.token);
        }
        let validator = closed.validator(&format!("/components/messages/{name}/payload"));
        for field in example.as_object().unwrap().keys() {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(field);
            let with = |value: Value| {
                let mut frame = example.clone();
                frame[field] = value;
                frame
            };
            for frame in values().into_iter().map(with).chain([without]) {
                // Another action is another message.
                if field == "action" && frame["action"] == "subscribe" {
                    continue;
                }
                let (_, response) = socket.ask(frame.clone()).await;
                let understood =
                    !["bad_request", "unknown_action"].contains(&response["code"].as_str().unwrap_or_default());
                let what = format!("{frame}: {response}");
                match validator.is_valid(&frame) {
                    true if !understood => differences.push(format!("the schema allows {what}")),
                    false if understood && response["code"] != "forbidden" => {
                        differences.push(format!("the schema forbids {what}"));
                    }
                    _ => {}
                }
                frames += 1;
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(frames > 500, "{frames}");
}
