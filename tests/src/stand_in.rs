//! A stand-in for Rekognition and Translate, which the emulator lacks: their wire protocol, with the built-in detector and
//! the built-in glossary behind it. It says nothing of what the real ones find.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use labelcast::detector::builtin;
use labelcast::translator::Glossary;
use labelcast_functions::model::Detection;
use labelcast_functions::ports::Translator;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

/// A running stand-in. It ends when dropped.
pub struct StandIn {
    endpoint: String,
    task: AbortHandle,
}

#[derive(Clone)]
struct Behind {
    s3: aws_sdk_s3::Client,
    glossary: Arc<Glossary>,
}

/// An error as AWS's JSON protocol has it.
struct Fault(&'static str, String);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = json!({"__type": self.0, "message": self.1});
        (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
    }
}

impl StandIn {
    /// Starts one that reads its pictures from this S3.
    pub async fn start(s3: aws_sdk_s3::Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it listens"));
        let behind = Behind { s3, glossary: Arc::new(Glossary::new()) };
        let router = Router::new().route("/", post(response)).with_state(behind);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }).abort_handle();
        Self { endpoint, task }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn response(State(behind): State<Behind>, headers: HeaderMap, body: Bytes) -> Result<Response, Fault> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let request: Value =
        serde_json::from_slice(&body).map_err(|error| Fault("SerializationException", error.to_string()))?;
    let response = match target {
        "RekognitionService.DetectLabels" => labels(&detection(&behind, &request).await?),
        "RekognitionService.DetectModerationLabels" => moderation(&detection(&behind, &request).await?),
        "AWSShineFrontendService_20170701.TranslateText" => translation(&behind, &request).await?,
        _ => return Err(Fault("UnknownOperationException", target.to_owned())),
    };
    Ok(([("content-type", "application/x-amz-json-1.1")], response.to_string()).into_response())
}

async fn detection(behind: &Behind, request: &Value) -> Result<Detection, Fault> {
    let invalid = |why: &dyn std::fmt::Display| Fault("InvalidImageFormatException", why.to_string());
    let image = &request["Image"];
    let bytes = match image["Bytes"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).map_err(|error| invalid(&error))?,
        None => {
            let text = |name: &str| image["S3Object"][name].as_str().unwrap_or_default();
            let call = behind.s3.get_object().bucket(text("Bucket")).key(text("Name"));
            let missing = |_| Fault("InvalidS3ObjectException", "Unable to get object metadata from S3.".to_owned());
            let object = call.send().await.map_err(missing)?;
            object.body.collect().await.map_err(|error| invalid(&error))?.to_vec()
        }
    };
    // Rekognition reads JPEG and PNG only.
    if bytes.starts_with(b"RIFF") {
        return Err(invalid(&"Request has invalid image format"));
    }
    builtin::detect(&bytes).map_err(|error| invalid(&error))
}

fn labels(found: &Detection) -> Value {
    let labels: Vec<Value> = found
        .labels
        .iter()
        .map(|label| json!({"Name": label.name.as_str(), "Confidence": label.confidence.percent(), "Instances": [], "Parents": []}))
        .collect();
    let colors: Vec<Value> = found
        .colors
        .iter()
        .map(|color| json!({"SimplifiedColor": color.name, "HexCode": color.hex, "PixelPercent": color.percent.percent()}))
        .collect();
    json!({"Labels": labels, "LabelModelVersion": "3.0", "ImageProperties": {"DominantColors": colors}})
}

fn moderation(found: &Detection) -> Value {
    let labels: Vec<Value> = found
        .moderation
        .iter()
        .map(|hit| json!({"Name": hit.name, "ParentName": hit.parent, "Confidence": hit.confidence.percent()}))
        .collect();
    json!({"ModerationLabels": labels, "ModerationModelVersion": "7.0"})
}

async fn translation(behind: &Behind, request: &Value) -> Result<Value, Fault> {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let words = [text("Text").to_owned()];
    let english = behind.glossary.to_english(text("SourceLanguageCode"), &words).await;
    let english = english.map_err(|error| Fault("InternalServerException", error.to_string()))?;
    // What is not known comes back as it was.
    let translated = english[0].as_ref().map_or(text("Text"), |label| label.as_str());
    Ok(
        json!({"TranslatedText": translated, "SourceLanguageCode": text("SourceLanguageCode"), "TargetLanguageCode": "en"}),
    )
}
