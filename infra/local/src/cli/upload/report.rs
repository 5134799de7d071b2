//! Reports the outcome of each file.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use indicatif::{MultiProgress, ProgressDrawTarget};
use labelcast_functions::model::UploadId;
use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::cli::{output, words};

/// Prints outcomes above the progress bars.
pub(super) struct Reporter {
    files: Vec<PathBuf>,
    json: bool,
    bars: MultiProgress,
}

impl Reporter {
    pub(super) fn new(files: Vec<PathBuf>, json: bool) -> Self {
        let visible = io::stdout().is_terminal() && !json;
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { files, json, bars: MultiProgress::with_draw_target(target) }
    }

    /// Where to show progress.
    pub(super) fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// Total number of files.
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    /// Reports a problem with the uploads as a whole.
    pub(super) fn warn(&self, text: &str) {
        self.bars.suspend(|| output::message(text));
    }

    /// Reports the outcome of a file.
    pub(super) fn outcome(&self, file: usize, upload_id: Option<&UploadId>, outcome: &Outcome) -> io::Result<()> {
        let name = self.files[file].to_string_lossy();
        self.bars.suspend(|| {
            if let Outcome::Rejected(reason) | Outcome::Failed(reason) = outcome {
                output::message(&format!("{name}: {reason}"));
            }
            match outcome {
                _ if self.json => output::json(&record(&name, upload_id, outcome)),
                Outcome::Labelled(image) => output::line(&format!("{name}: {}", words::labels_of(image))),
                Outcome::Rejected(_) | Outcome::Failed(_) => Ok(()),
            }
        })
    }
}

fn record(file: &str, upload_id: Option<&UploadId>, outcome: &Outcome) -> Value {
    let mut record = match outcome {
        Outcome::Labelled(image) => json!({"state": "labelled", "image": image}),
        Outcome::Rejected(reason) => json!({"state": "rejected", "reason": reason}),
        Outcome::Failed(reason) => json!({"state": "failed", "reason": reason}),
    };
    record["file"] = file.into();
    if let Some(id) = upload_id {
        record["upload_id"] = id.as_str().into();
    }
    record
}
