//! Codes, refresh tokens and sessions, kept by the SHA-256 of their secret.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Clock, PortResult, Random};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::database::Database;

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Once, for tokens.
    Code,
    /// For new tokens.
    Refresh,
    /// A browser that signed in.
    Session,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Refresh => "refresh",
            Self::Session => "session",
        }
    }

    /// Cognito's: a code five minutes, a refresh token 30 days, a session an hour.
    const fn lifetime(self) -> Duration {
        match self {
            Self::Code => Duration::minutes(5),
            Self::Refresh => Duration::days(30),
            Self::Session => Duration::hours(1),
        }
    }
}

/// What a secret is bound to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) scope: String,
    pub(super) signed_in_at: DateTime<Utc>,
}

#[derive(Clone)]
pub(super) struct Grants {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

fn sha256(secret: &str) -> [u8; 32] {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

impl Grants {
    pub(super) fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }

    /// Makes a secret for a user.
    pub(super) async fn make(&self, kind: Kind, user: &Name, detail: &Detail) -> PortResult<String> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        let secret = URL_SAFE_NO_PAD.encode(bytes);
        let (key, user) = (sha256(&secret), user.clone());
        let detail = serde_json::to_string(detail).expect("a detail is plain data, which JSON can hold");
        let now = self.clock.now();
        let expires_at = (now + kind.lifetime()).timestamp_millis();
        self.database
            .write(move |group| {
                group.prepare_cached("DELETE FROM grants WHERE expires_at < ?")?.execute([now.timestamp_millis()])?;
                group
                    .prepare_cached(
                        "INSERT INTO grants (secret, kind, user, detail, expires_at) VALUES (?, ?, ?, ?, ?)",
                    )?
                    .execute(params![key, kind.name(), user.as_str(), detail, expires_at])
            })
            .await?;
        Ok(secret)
    }

    /// Whose secret it is, if it is good.
    pub(super) async fn find(&self, kind: Kind, secret: &str) -> PortResult<Option<(Name, Detail)>> {
        let (key, now) = (sha256(secret), self.clock.now().timestamp_millis());
        self.database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT user, detail FROM grants WHERE secret = ? AND kind = ? AND expires_at >= ?",
                    )?
                    .query_row(params![key, kind.name(), now], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .await
            .map(read)
    }

    /// The same, and it is good no longer.
    pub(super) async fn take(&self, kind: Kind, secret: &str) -> PortResult<Option<(Name, Detail)>> {
        let (key, now) = (sha256(secret), self.clock.now().timestamp_millis());
        self.database
            .write(move |group| {
                group
                    .prepare_cached(
                        "DELETE FROM grants WHERE secret = ? AND kind = ? AND expires_at >= ? RETURNING user, detail",
                    )?
                    .query_row(params![key, kind.name(), now], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .await
            .map(read)
    }
}

fn read(row: Option<(String, String)>) -> Option<(Name, Detail)> {
    let (user, detail) = row?;
    Some((user.parse().ok()?, serde_json::from_str(&detail).ok()?))
}
