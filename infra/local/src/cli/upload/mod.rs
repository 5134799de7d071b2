//! `upload`.

mod follow;
mod outcome;
mod send;
mod tell;

use std::path::PathBuf;

use clap::Args;
use labelcast_functions::model::UploadId;
use labelcast_functions::protocol::NotificationFrame;
use tokio::sync::mpsc;

use super::arguments::Target;
use super::failure::Outcome;
use super::remote::{Api, Service};

/// Upload pictures and print their labels as they come
///
/// Up to four are sent at once. Prints a line a picture, `cat.jpg: cat 98.2, grass 91.0`, in the order in which the results
/// come; what could not be sent, was rejected or failed is told on standard error, and the exit status is 1 then.
#[derive(Debug, Args)]
pub(super) struct UploadArguments {
    /// JPEG, PNG or WebP files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// One JSON object a file: file, state, upload_id, and image or reason
    #[arg(long)]
    json: bool,
}

/// What happens, in the order in which it happens: an upload has begun before anything is told of it.
#[derive(Debug)]
enum News {
    /// A file got its upload.
    Begun { file: usize, upload_id: UploadId },
    /// A file was posted.
    Sent { upload_id: UploadId },
    /// A file could not be sent.
    NotSent { file: usize, upload_id: Option<UploadId>, reason: String },
    /// The server told something.
    Notified(NotificationFrame),
    /// The server tells nothing any more.
    Deaf { why: String },
}

/// News that may wait.
const QUEUE: usize = 256;

impl UploadArguments {
    pub(super) async fn run(self) -> Outcome {
        let service = Service::discover(&self.target).await?;
        let api = Api::new(service.clone());
        let (news, inbox) = mpsc::channel(QUEUE);
        // Before the first upload, so that no result is told to nobody.
        follow::listen(&service, news.clone()).await?;
        let teller = tell::Teller::new(self.files.clone(), self.json);
        tokio::spawn(send::all(api.clone(), self.files, teller.bars(), news));
        outcome::collect(&api, inbox, teller).await
    }
}
