use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures_util::TryStreamExt;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::client::{Failure, Live, Server, Target, answered, labels};
use super::{Outcome, output};

#[derive(Debug, Args)]
pub(super) struct UploadArguments {
    /// JPEG, PNG or WebP files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// One JSON object a file
    #[arg(long)]
    json: bool,
}

/// How long a result is waited for.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often the state is asked for, beside listening.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl UploadArguments {
    pub(super) async fn run(self) -> Outcome {
        let server = self.target.server().await?;
        // Listens before it uploads, so that no result is missed; without a socket it asks instead.
        let mut live = match server.connect().await {
            Ok(mut live) => {
                live.send(&json!({"action": "subscribe", "topics": ["uploads"]})).await.is_ok().then_some(live)
            }
            Err(_) => None,
        };
        let bars = if std::io::stdout().is_terminal() && !self.json {
            MultiProgress::new()
        } else {
            MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden())
        };
        let mut sent = Vec::new();
        let mut failed = 0;
        for file in &self.files {
            match send(&server, file, &bars).await {
                Ok(upload) => sent.push((file, upload)),
                Err(error) => {
                    failed += 1;
                    output::complain(&format!("{}: {error}", file.display()));
                }
            }
        }
        for (file, upload) in sent {
            let state = result(&server, &mut live, &upload).await?;
            failed += usize::from(!tell(&server, file, &state, self.json).await?);
        }
        match failed {
            0 => Ok(()),
            some => Err(format!("{some} of {} files were not labelled", self.files.len()).into()),
        }
    }
}

fn content_type(file: &Path) -> Result<&'static str, Failure> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => Ok("image/jpeg"),
        "png" => Ok("image/png"),
        "webp" => Ok("image/webp"),
        _ => Err("not a JPEG, PNG or WebP file, to judge by its name".into()),
    }
}

async fn send(server: &Server, file: &Path, bars: &MultiProgress) -> Result<String, Failure> {
    let kind = content_type(file)?;
    let opened = tokio::fs::File::open(file).await?;
    let size = opened.metadata().await?.len();
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("picture").to_owned();
    let wish = json!({"name": name, "content_type": kind, "size": size});
    let begun: Value = answered(server.post("/uploads").json(&wish)).await?;
    let style = ProgressStyle::with_template("{msg:30!} {wide_bar} {bytes}/{total_bytes}")?;
    let bar = bars.add(ProgressBar::new(size)).with_style(style).with_message(name.clone());
    let counted = bar.clone();
    let stream = ReaderStream::new(opened).inspect_ok(move |part| counted.inc(part.len() as u64));
    let part = Part::stream_with_length(reqwest::Body::wrap_stream(stream), size).file_name(name).mime_str(kind)?;
    let fields = begun["fields"].as_object().ok_or("the server's form has no fields")?;
    let form = fields.iter().fold(Form::new(), |form, (name, value)| {
        form.text(name.clone(), value.as_str().unwrap_or_default().to_owned())
    });
    let url = begun["url"].as_str().ok_or("the server's form has no address")?;
    let answer = server.post_form(url).multipart(form.part("file", part)).send().await?;
    bar.finish();
    if !answer.status().is_success() {
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let words = text
            .split_once("<Message>")
            .and_then(|(_, rest)| rest.split_once("</Message>"))
            .map(|(words, _)| words.to_owned());
        return Err(words.unwrap_or_else(|| format!("the store answered {status}")).into());
    }
    Ok(begun["upload_id"].as_str().ok_or("the server's form has no upload id")?.to_owned())
}

/// Waits until the upload has come to an end, by listening and by asking.
async fn result(server: &Server, live: &mut Option<Live>, upload: &str) -> Result<Value, Failure> {
    let ended = async {
        loop {
            let state: Value = answered(server.get(&format!("/uploads/{upload}"))).await?;
            if !matches!(state["state"].as_str(), Some("pending" | "received")) {
                return Ok(state);
            }
            let heard = async {
                match live {
                    Some(open) => open.frame().await,
                    None => std::future::pending().await,
                }
            };
            // Whatever is heard, the state says what is true now.
            if let Ok(None) = tokio::time::timeout(ASK_AGAIN, heard).await {
                *live = None;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.map_err(|_| format!("no result for {upload} within 5 minutes"))?
}

/// Prints a result. False if there is none to be glad of.
async fn tell(server: &Server, file: &Path, state: &Value, json: bool) -> Result<bool, Failure> {
    let labelled = state["state"] == "labelled";
    let image: Value = match state["image_id"].as_str().filter(|_| labelled) {
        Some(id) => answered(server.get(&format!("/images/{id}"))).await.unwrap_or(Value::Null),
        None => Value::Null,
    };
    if json {
        let mut record = state.clone();
        record["file"] = json!(file);
        record["labels"] = image["labels"].clone();
        output::line(&record.to_string())?;
    } else if !labelled {
        output::complain(&format!("{}: {}", file.display(), state["reason"].as_str().unwrap_or("it failed")));
    } else if image.is_null() {
        output::line(&format!("{}: waiting for review", file.display()))?;
    } else {
        output::line(&format!("{}: {}", file.display(), labels(&image)))?;
    }
    Ok(labelled)
}
