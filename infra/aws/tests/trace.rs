//! X-Ray's trace goes on: whatever a function asks of AWS carries the trace of the invocation that it serves (SQS and the bus
//! hand it to the next function), and whatever it logs names it. The real bootstrap, at a stand-in for Lambda's Runtime API
//! and for AWS.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Notify;

/// An invocation: its trace and its event.
type Invocation = (&'static str, Value);

#[derive(Default)]
struct Seen {
    /// Still to be handed out, the last one first.
    invocations: Mutex<Vec<Invocation>>,
    /// What AWS was called with, and the trace that came with it.
    calls: Mutex<Vec<(String, String)>>,
    /// The function's response.
    responses: Mutex<Vec<Value>>,
    all_done: Notify,
}

async fn next(State(seen): State<Arc<Seen>>) -> Response {
    let Some((trace, event)) = seen.invocations.lock().unwrap().pop() else {
        seen.all_done.notify_one();
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-trace-id", trace),
        ("lambda-runtime-deadline-ms", "32503680000000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:traced"),
    ];
    (headers, event.to_string()).into_response()
}

async fn responded(State(seen): State<Arc<Seen>>, body: String) -> StatusCode {
    seen.responses.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    StatusCode::ACCEPTED
}

async fn aws(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let target = text("x-amz-target");
    let response = match target.as_str() {
        "AWSEvents.PutEvents" => json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}),
        _ => {
            json!({"Item": {"pk": {"S": "key#"}, "sk": {"S": "key"}, "name": {"S": "builds"},
            "scopes": {"L": [{"S": "publish:app:*"}]}}})
        }
    };
    seen.calls.lock().unwrap().push((target, text("x-amzn-trace-id")));
    ([("content-type", "application/x-amz-json-1.1")], response.to_string()).into_response()
}

/// Has a function serve these invocations, one after the other; returns what was seen, and what it wrote.
async fn run(function: &str, level: &str, mut invocations: Vec<Invocation>) -> (Arc<Seen>, Output) {
    invocations.reverse();
    let seen = Arc::new(Seen { invocations: Mutex::new(invocations), ..Seen::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let runtime = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(responded))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(responded))
        .fallback(aws)
        .with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, runtime).await.unwrap() });
    let reported = [
        ("_HANDLER", function),
        ("RUST_LOG", level),
        ("AWS_LAMBDA_RUNTIME_API", &address),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true"),
        ("AWS_ENDPOINT_URL", &format!("http://{address}")),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "traced"),
        ("AWS_SECRET_ACCESS_KEY", "traced"),
        ("LABELCAST_ISSUER", "https://issuer.example.com"),
        ("LABELCAST_CLIENT_ID", "page"),
        ("LABELCAST_CLI_CLIENT_ID", "cli"),
        ("LABELCAST_LIVE_TABLE", "live"),
        ("LABELCAST_PROGRAMS_TABLE", "programs"),
        ("LABELCAST_BUS", "bus"),
    ];
    let mut process = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    process.env_clear().envs(reported).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = process.kill_on_drop(true).spawn().unwrap();
    tokio::select! {
        () = seen.all_done.notified() => process.start_kill().unwrap(),
        status = process.wait() => panic!("the function ended: {status:?}"),
    }
    (seen, process.wait_with_output().await.unwrap())
}

/// What API Gateway makes of `POST /topics/app:builds`.
fn publish() -> Value {
    json!({
        "resource": "/topics/{topic}", "path": "/topics/app:builds", "httpMethod": "POST",
        "headers": {"x-api-key": "secret", "content-type": "application/json"},
        "multiValueHeaders": {"x-api-key": ["secret"], "content-type": ["application/json"]},
        "pathParameters": {"topic": "app:builds"},
        "requestContext": {
            "resourcePath": "/topics/{topic}", "httpMethod": "POST", "path": "/dev/topics/app:builds", "stage": "dev",
            "accountId": "000000000000", "apiId": "api", "requestId": "one", "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": "{\"event\":\"build.done\",\"data\":{}}", "isBase64Encoded": false,
    })
}

const FIRST: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const SECOND: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=0";

#[tokio::test]
async fn every_call_carries_the_trace_of_its_own_invocation() {
    let (seen, output) = run("publish", "info", vec![(FIRST, publish()), (SECOND, publish())]).await;
    let responses = seen.responses.lock().unwrap();
    let statuses: Vec<&Value> = responses.iter().map(|response| &response["statusCode"]).collect();
    assert_eq!(statuses, [202, 202], "{responses:?} {output:?}");
    let calls = seen.calls.lock().unwrap();
    let calls: Vec<(&str, &str)> = calls.iter().map(|(target, trace)| (target.as_str(), trace.as_str())).collect();
    let (find, report) = ("DynamoDB_20120810.GetItem", "AWSEvents.PutEvents");
    assert_eq!(calls, [(find, FIRST), (report, FIRST), (find, SECOND), (report, SECOND)]);
}

#[tokio::test]
async fn every_log_line_names_its_trace_at_any_level() {
    let nobody = json!({"requestContext": {"connectionId": "c", "requestTimeEpoch": 1, "authorizer": {}}});
    for level in ["info", "error"] {
        let (_, output) = run("connect", level, vec![(FIRST, nobody.clone())]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.into_iter().find(|line| line["level"] == "ERROR").unwrap_or_else(|| panic!("{level}: {text}"));
        assert_eq!(line["span"]["xrayTraceId"], FIRST, "{level}: {line}");
    }
}
