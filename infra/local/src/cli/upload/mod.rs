//! `labelcast upload`.

mod collect;
mod follow;
mod outcome;
mod report;
mod send;

use std::path::PathBuf;

use clap::Args;
use labelcast_functions::model::UploadId;
use labelcast_functions::protocol::NotificationFrame;
use tokio::sync::mpsc;

use super::arguments::Target;
use super::failure::Outcome;
use super::remote::{Api, Service};

/// Upload pictures and print their labels as they arrive
///
/// Uploads up to four files at a time. Prints one line per picture, `cat.jpg: cat 98.2, grass 91.0`, in the order in which
/// results arrive. Files that could not be sent, were rejected or failed are reported on standard error, with exit status 1.
#[derive(Debug, Args)]
pub(super) struct UploadArguments {
    /// JPEG, PNG or WebP files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object per file: file, state, upload_id, and image or reason
    #[arg(long)]
    json: bool,
}

/// Events, in order: an upload begins before any notification about it.
#[derive(Debug)]
enum News {
    /// An upload was created for a file.
    Begun { file: usize, upload_id: UploadId },
    /// A file was posted.
    Sent { upload_id: UploadId },
    /// A file could not be sent.
    NotSent { file: usize, upload_id: Option<UploadId>, reason: String },
    /// The server sent a notification.
    Notified(NotificationFrame),
    /// No more notifications will come.
    Disconnected { why: String },
}

/// Maximum number of queued events.
const QUEUE: usize = 256;

impl UploadArguments {
    pub(super) async fn run(self) -> Outcome {
        let service = Service::discover(&self.target).await?;
        let api = Api::new(service.clone());
        let (news, inbox) = mpsc::channel(QUEUE);
        // Before the first upload, so that no result is missed.
        follow::listen(&service, news.clone()).await?;
        let reporter = report::Reporter::new(self.files.clone(), self.json);
        tokio::spawn(send::all(api.clone(), self.files, reporter.bars(), news));
        collect::collect(&api, inbox, reporter).await
    }
}
