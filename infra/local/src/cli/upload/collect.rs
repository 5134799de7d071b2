//! Matches files with their results.

use std::collections::HashMap;
use std::time::Duration;

use labelcast_functions::model::{UploadId, UploadState};
use labelcast_functions::protocol::NotificationFrame;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::News;
use super::outcome::Outcome;
use super::report::Reporter;
use crate::cli::failure::Failure;
use crate::cli::remote::{Api, ApiError};

/// How often missing results are polled for while the socket works.
const POLL_CONNECTED: Duration = Duration::from_secs(30);
/// How often results are polled for without a socket.
const POLL_DISCONNECTED: Duration = Duration::from_secs(2);
/// Maximum number of consecutive failed polls.
const MAX_SILENCES: u32 = 30;

/// An upload without a result.
struct Waiting {
    file: usize,
    /// When the next poll is due.
    sent: bool,
}

/// Waits for the outcome of every file. The error says only that not all were labelled: each was reported.
pub(super) async fn collect(api: &Api, mut inbox: mpsc::Receiver<News>, reporter: Reporter) -> Result<(), Failure> {
    let mut waiting: HashMap<UploadId, Waiting> = HashMap::new();
    let (mut left, mut bad) = (reporter.count(), 0);
    let mut every = POLL_CONNECTED;
    let mut poll_at = Instant::now() + every;
    let mut silences = 0;
    let mut open = true;
    while left > 0 {
        let mut outcomes = Vec::new();
        tokio::select! {
            news = inbox.recv(), if open => match news {
                Some(News::Begun { file, upload_id }) => {
                    waiting.insert(upload_id, Waiting { file, sent: false });
                }
                Some(News::Sent { upload_id }) => {
                    if let Some(upload) = waiting.get_mut(&upload_id) {
                        upload.sent = true;
                    }
                }
                Some(News::NotSent { file, upload_id, reason }) => {
                    // A result is surer than a response that got lost: then the file has been reported.
                    if upload_id.as_ref().is_none_or(|id| waiting.remove(id).is_some()) {
                        outcomes.push((file, upload_id, Outcome::Failed(reason)));
                    }
                }
                Some(News::Notified(notification)) => {
                    if let Some((id, outcome)) = read(&notification)
                        && let Some(upload) = waiting.remove(&id)
                    {
                        outcomes.push((upload.file, Some(id), outcome));
                    }
                }
                Some(News::Disconnected { why }) => {
                    reporter.warn(&format!("{why}; polling for results instead"));
                    every = POLL_DISCONNECTED;
                    poll_at = Instant::now();
                }
                // All is sent and no more notifications come: what is left is polled.
                None => open = false,
            },
            () = sleep_until(poll_at) => {
                let sent: Vec<UploadId> =
                    waiting.iter().filter(|(_, upload)| upload.sent).map(|(id, _)| id.clone()).collect();
                for id in sent {
                    let outcome = match poll(api, &id).await {
                        Ok(outcome) => {
                            silences = 0;
                            outcome
                        }
                        Err(error) if error.may_pass() && silences < MAX_SILENCES => {
                            silences += 1;
                            break;
                        }
                        Err(error) => Some(Outcome::Failed(format!("unknown result: {error}"))),
                    };
                    if let Some(outcome) = outcome
                        && let Some(upload) = waiting.remove(&id)
                    {
                        outcomes.push((upload.file, Some(id), outcome));
                    }
                }
                poll_at = Instant::now() + every;
            }
        }
        if !open && outcomes.is_empty() && waiting.values().all(|upload| !upload.sent) {
            return Err(Failure::failed("the uploads stopped unexpectedly; run the command again"));
        }
        for (file, upload_id, outcome) in outcomes {
            left -= 1;
            bad += usize::from(!matches!(outcome, Outcome::Labelled(_)));
            reporter.outcome(file, upload_id.as_ref(), &outcome)?;
        }
    }
    if bad == 0 {
        Ok(())
    } else {
        Err(Failure::failed(format!("{bad} of {} files were not labelled", reporter.count())))
    }
}

/// The upload and the result that a notification carries, if it does.
fn read(notification: &NotificationFrame) -> Option<(UploadId, Outcome)> {
    let data = &notification.data;
    let id = data["upload_id"].as_str()?.parse().ok()?;
    let reason = || data["reason"].as_str().unwrap_or("no reason given").to_owned();
    let outcome = match notification.event.as_str() {
        "image.labelled" => Outcome::Labelled(data["image"].clone()),
        "upload.rejected" => Outcome::Rejected(reason()),
        "upload.failed" => Outcome::Failed(reason()),
        _ => return None,
    };
    Some((id, outcome))
}

/// Polls a result; `None` if there is none yet.
async fn poll(api: &Api, id: &UploadId) -> Result<Option<Outcome>, ApiError> {
    let upload = api.upload(id).await?;
    let reason = upload.reason.unwrap_or_else(|| "no reason given".to_owned());
    Ok(match (upload.state, upload.image_id) {
        (UploadState::Labelled, Some(image_id)) => {
            let pending = || json!({"image_id": image_id, "status": "pending"});
            Some(Outcome::Labelled(api.image(&image_id).await?.unwrap_or_else(pending)))
        }
        (UploadState::Rejected, _) => Some(Outcome::Rejected(reason)),
        (UploadState::Failed, _) => Some(Outcome::Failed(reason)),
        (UploadState::Pending | UploadState::Received | UploadState::Labelled, _) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notified(event: &str, data: serde_json::Value) -> Option<(UploadId, Outcome)> {
        let at = chrono::DateTime::UNIX_EPOCH;
        read(&NotificationFrame { id: "1".to_owned(), event: event.to_owned(), at, topics: Vec::new(), data })
    }

    #[test]
    fn a_notification_with_a_result_names_its_upload() {
        let id: UploadId = "u1".parse().unwrap();
        let labelled = notified("image.labelled", json!({"upload_id": "u1", "image": {"labels": []}}));
        assert_eq!(labelled, Some((id.clone(), Outcome::Labelled(json!({"labels": []})))));
        let rejected = notified("upload.rejected", json!({"upload_id": "u1", "reason": "not a picture"}));
        assert_eq!(rejected, Some((id.clone(), Outcome::Rejected("not a picture".to_owned()))));
        let failed = notified("upload.failed", json!({"upload_id": "u1", "reason": "out of reach"}));
        assert_eq!(failed, Some((id, Outcome::Failed("out of reach".to_owned()))));
    }

    #[test]
    fn notifications_other_than_results_are_ignored() {
        assert_eq!(notified("upload.received", json!({"upload_id": "u1"})), None);
        assert_eq!(notified("image.labelled", json!({"image": {}})), None);
        assert_eq!(notified("image.removed", serde_json::Value::Null), None);
    }
}
