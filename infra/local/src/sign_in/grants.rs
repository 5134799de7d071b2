//! Codes, refresh tokens and sessions, kept by the SHA-256 of their secret.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Clock, PortResult, Random};
use rusqlite::{OptionalExtension, Transaction, params};
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
#[serde(default)]
pub(super) struct Detail {
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) scope: String,
    pub(super) signed_in_at: DateTime<Utc>,
    /// Names the code from which all the rest came: what is shown as `origin_jti`, and what is revoked together.
    pub(super) origin: String,
    /// Of the user when the password was given. A change that falls between that and the grant's row leaves the row, but
    /// the row is good for nothing.
    pub(super) account_version: u64,
    /// Of the application that it was issued to. Empty in rows of before there was more than one.
    pub(super) client_id: String,
    /// The `origin` of the browser's session that it came of, which ends it when the browser signs out.
    pub(super) session: String,
}

/// What a code was exchanged for.
pub(super) struct Exchanged {
    pub(super) user: Name,
    pub(super) detail: Detail,
    pub(super) refresh_token: String,
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
        let secret = self.secret();
        let (key, user) = (sha256(&secret), user.clone());
        let detail = serde_json::to_string(detail).expect("a detail is plain data, which JSON can hold");
        let now = self.clock.now();
        let expires_at = (now + kind.lifetime()).timestamp_millis();
        self.database
            .write(move |group| {
                group.prepare_cached("DELETE FROM grants WHERE expires_at < ?")?.execute([now.timestamp_millis()])?;
                insert(group, &key, kind, user.as_str(), &detail, expires_at)
            })
            .await?;
        Ok(secret)
    }

    /// Exchanges a code for a refresh token, if `accepts` what the code is bound to; the code is spent either way. A code
    /// that is shown again may have been stolen: what came of it is good no longer (RFC 6749, 4.1.2).
    pub(super) async fn exchange(
        &self,
        code: &str,
        accepts: impl FnOnce(&Detail) -> bool + Send + 'static,
    ) -> PortResult<Option<Exchanged>> {
        let refresh_token = self.secret();
        let (code, refresh) = (sha256(code), sha256(&refresh_token));
        let now = self.clock.now();
        let exchanged = self
            .database
            .write(move |group| {
                let Some((kind, name, bound)) = code_row(group, &code, now)? else { return Ok(None) };
                if kind != Kind::Code.name() {
                    revoke_origin(group, &name, &bound)?;
                    return Ok(None);
                }
                group.prepare_cached("UPDATE grants SET kind = 'spent' WHERE secret = ?")?.execute([code])?;
                let Some((user, detail)) = read(Some((name.clone(), bound.clone()))) else { return Ok(None) };
                if !accepts(&detail) {
                    return Ok(None);
                }
                let expires_at = (now + Kind::Refresh.lifetime()).timestamp_millis();
                insert(group, &refresh, Kind::Refresh, &name, &bound, expires_at)?;
                Ok(Some((user, detail)))
            })
            .await?;
        Ok(exchanged.map(|(user, detail)| Exchanged { user, detail, refresh_token }))
    }

    fn secret(&self) -> String {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
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

    /// Revokes a refresh token; answers who had it.
    pub(super) async fn revoke(&self, refresh_token: &str) -> PortResult<Option<Name>> {
        let key = sha256(refresh_token);
        let revoked = self.database.write(move |group| delete(group, &key, Kind::Refresh)).await?;
        Ok(read(revoked).map(|(user, _)| user))
    }

    /// Ends a browser's session, and what the browser holds because of it; answers who was signed in.
    pub(super) async fn end_session(&self, secret: &str) -> PortResult<Option<Name>> {
        let key = sha256(secret);
        let ended = self
            .database
            .write(move |group| {
                let session = delete(group, &key, Kind::Session)?;
                if let Some((user, detail)) = &session {
                    group
                        .prepare_cached(
                            "DELETE FROM grants WHERE user = ?1 AND kind IN ('code', 'refresh')
                             AND detail ->> '$.session' = ?2 ->> '$.origin' AND detail ->> '$.session' <> ''",
                        )?
                        .execute(params![user, detail])?;
                }
                Ok(session)
            })
            .await?;
        Ok(read(ended).map(|(user, _)| user))
    }
}

fn insert(
    group: &Transaction<'_>,
    key: &[u8; 32],
    kind: Kind,
    user: &str,
    detail: &str,
    expires_at: i64,
) -> rusqlite::Result<()> {
    group
        .prepare_cached("INSERT INTO grants (secret, kind, user, detail, expires_at) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![key, kind.name(), user, detail, expires_at])
        .map(drop)
}

/// User and detail of what is good no longer.
fn delete(group: &Transaction<'_>, key: &[u8; 32], kind: Kind) -> rusqlite::Result<Option<(String, String)>> {
    group
        .prepare_cached("DELETE FROM grants WHERE secret = ? AND kind = ? RETURNING user, detail")?
        .query_row(params![key, kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Kind, user and detail of a code; a spent one is remembered for as long as it would have been good.
fn code_row(
    group: &Transaction<'_>,
    code: &[u8; 32],
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<(String, String, String)>> {
    group
        .prepare_cached(
            "SELECT kind, user, detail FROM grants WHERE secret = ? AND kind IN ('code', 'spent') AND expires_at >= ?",
        )?
        .query_row(params![code, now.timestamp_millis()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

fn revoke_origin(group: &Transaction<'_>, user: &str, detail: &str) -> rusqlite::Result<()> {
    let revoked = group
        .prepare_cached("DELETE FROM grants WHERE kind = 'refresh' AND detail ->> '$.origin' = ?1 ->> '$.origin'")?
        .execute([detail])?;
    metrics::counter!("labelcast_sign_in_codes_reused_total").increment(1);
    Record::new(Action::CodeReused, Outcome::Refused, user).log();
    tracing::warn!(revoked, "an authorization code was used twice; the refresh token issued for it was revoked");
    Ok(())
}

fn read(row: Option<(String, String)>) -> Option<(Name, Detail)> {
    let (user, detail) = row?;
    Some((user.parse().ok()?, serde_json::from_str(&detail).ok()?))
}
