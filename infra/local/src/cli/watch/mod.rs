//! `labelcast watch`.

mod resume;

use clap::Args;
use labelcast_functions::model::Topic;
use labelcast_functions::protocol::{ErrorCode, ServerFrame};
use serde_json::json;

use super::arguments::Target;
use super::failure::{Failure, Outcome};
use super::remote::{Backoff, ConnectError, Incoming, Service, Socket};
use super::{output, words};
use resume::Resume;

/// Print a topic's notifications as they arrive, until Ctrl-C; reconnects and resumes
///
/// When the connection is lost or goes silent, it is re-established and the server replays what was sent meanwhile: nothing
/// is printed twice. If some notifications can no longer be replayed, a message goes to standard error, and with --json a
/// record is printed: {"type":"missed","topic":"…"}.
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// `labels`, `uploads`, `moderation`, `runs`, `device:ID` or `app:NAME`
    topic: Topic,
    /// Query that images must match, for topics about images
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Print one notification per line, as JSON
    #[arg(long)]
    json: bool,
}

impl WatchArguments {
    pub(super) async fn run(self) -> Outcome {
        let pressed = tokio::signal::ctrl_c();
        // On its own: an output that takes nothing more must not keep Ctrl-C from ending it.
        tokio::spawn(async move {
            if pressed.await.is_ok() {
                std::process::exit(0);
            }
        });
        self.follow().await
    }

    /// Watches, reconnecting until a permanent error.
    async fn follow(self) -> Outcome {
        let service = Service::discover(&self.target).await?;
        let mut resume = Resume::new(self.topic, self.filter);
        let mut backoff = Backoff::default();
        loop {
            let lost = match Socket::connect(&service).await {
                Ok(socket) => listen(socket, &mut resume, &mut backoff, self.json).await?,
                Err(ConnectError::Refused(why)) => return Err(Failure::failed(why)),
                Err(ConnectError::Unreachable(why)) => why,
            };
            let wait = backoff.next();
            output::message(&format!("{lost}; retrying in {:.1} s", wait.as_secs_f64()));
            tokio::time::sleep(wait).await;
        }
    }
}

/// Prints notifications of one connection; returns why it was lost.
async fn listen(mut socket: Socket, resume: &mut Resume, backoff: &mut Backoff, json: bool) -> Result<String, Failure> {
    if let Err(lost) = socket.send(&resume.request()).await {
        return Ok(lost);
    }
    loop {
        let Incoming { frame, text } = match socket.next().await {
            Ok(incoming) => incoming,
            Err(lost) => return Ok(lost),
        };
        match frame {
            ServerFrame::Notification(notification) => {
                if !resume.is_new(&notification) {
                    continue;
                }
                if json {
                    output::json_text(&text)?;
                } else {
                    output::line(&words::notification(&notification))?;
                }
            }
            ServerFrame::Subscribed { topics, .. } => {
                // Not before: a server that takes connections and then fails must not be retried without a pause.
                backoff.reset();
                if resume.subscribed(&topics) {
                    output::message(
                        "some notifications were missed: the server can no longer replay everything sent meanwhile",
                    );
                    if json {
                        output::json(&json!({"type": "missed", "topic": resume.topic()}))?;
                    }
                }
            }
            ServerFrame::Error { code: ErrorCode::Internal | ErrorCode::RateLimited, message, .. } => {
                return Ok(message);
            }
            ServerFrame::Closing { message, retry: true, .. } => return Ok(message),
            ServerFrame::Error { message, .. } | ServerFrame::Closing { message, retry: false, .. } => {
                return Err(Failure::failed(message));
            }
            _ => {}
        }
    }
}
