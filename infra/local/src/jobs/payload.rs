//! A job's payload as it stands in the table: `{"v":1,"job":"ingest","request":{…}}`.
//!
//! Rows outlive the program that wrote them. A change to the JSON of a request is a new version, with a migration of the
//! rows of the one before; the samples below hold the form still.

use labelcast_functions::model::JobRequest;
use serde::{Deserialize, Serialize};

/// The version written by this program.
const VERSION: u32 = 1;

/// Why this program cannot run a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The row was written by a newer program.
    #[error("the job's payload has version {0}, and this program reads version {VERSION}: run the newer one")]
    Version(u32),
    /// The row is damaged, or meant for another function than its target.
    #[error("the job's payload cannot be read: {0}")]
    Unreadable(String),
}

/// A job not yet in the table, in its stored form.
#[derive(Debug)]
pub struct NewJob {
    pub(super) request: JobRequest,
    pub(super) payload: String,
}

impl NewJob {
    /// Size of the payload, in bytes.
    pub fn size(&self) -> usize {
        self.payload.len()
    }
}

impl From<JobRequest> for NewJob {
    fn from(request: JobRequest) -> Self {
        #[derive(Serialize)]
        struct Written<'a> {
            v: u32,
            #[serde(flatten)]
            request: &'a JobRequest,
        }
        let written = Written { v: VERSION, request: &request };
        let payload = serde_json::to_string(&written).expect("requests are plain data, which JSON can hold");
        Self { request, payload }
    }
}

/// Parses a row's payload.
pub(crate) fn read(payload: &str) -> Result<JobRequest, PayloadError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let unreadable = |error: serde_json::Error| PayloadError::Unreadable(error.to_string());
    match serde_json::from_str(payload).map_err(unreadable)? {
        Version { v: VERSION } => serde_json::from_str(payload).map_err(unreadable),
        Version { v } => Err(PayloadError::Version(v)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payloads of version 1, which must stay readable until there is a migration.
    const WRITTEN: [&str; 5] = [
        r#"{"v":1,"job":"ingest","request":{"upload_id":"0f3c","created_at":"2026-11-20T10:00:00.123Z"}}"#,
        r#"{"v":1,"job":"analyze","request":{"image_id":"0101010101010101010101010101010101010101010101010101010101010101","content_type":"image/jpeg"}}"#,
        r#"{"v":1,"job":"index","request":{"action":"store","image_id":"0101010101010101010101010101010101010101010101010101010101010101","analysis":{"labels":[{"name":"dog","confidence":98.5}],"moderation":[],"colors":[],"labelled_at":"2026-11-20T10:00:01Z"}}}"#,
        r#"{"v":1,"job":"index","request":{"action":"remove","image":{"image_id":"0101010101010101010101010101010101010101010101010101010101010101","generation":"0f3c","uploaded_at":"2026-11-20T10:00:00.123Z","uploaders":["anna"],"was_public":true},"only_uploader":null}}"#,
        r#"{"v":1,"job":"notify","request":{"at":"2026-11-20T10:00:02Z","event":{"detail-type":"topic.published","detail":{"id":"n1","topic":"app:builds","event":"build.done","data":{"ok":true}}}}}"#,
    ];

    #[test]
    fn payloads_of_version_1_round_trip() {
        for written in WRITTEN {
            let request = read(written).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(NewJob::from(request).payload, written);
        }
    }

    #[test]
    fn foreign_payloads_are_refused_with_a_reason() {
        let newer = WRITTEN[0].replace("\"v\":1", "\"v\":2");
        assert_eq!(read(&newer), Err(PayloadError::Version(2)));
        for damaged in ["", "{}", "null", r#"{"v":1}"#, r#"{"v":1,"job":"dance","request":{}}"#, &WRITTEN[0][..40]] {
            let error = read(damaged).expect_err(damaged).to_string();
            assert!(error.starts_with("the job's payload cannot be read: "), "{error}");
        }
    }
}
