//! The audit log: who did what, from where, and how it went. Lines of the tracing target `audit`, apart from what the
//! program says of itself, so that they can be kept and read on their own. Never a secret: no password, token or key.

mod flood;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// The tracing target of all lines.
pub const TARGET: &str = "audit";

/// Longer names are cut off, in characters: strangers choose what they type.
const MAX_TEXT_LEN: usize = 128;

/// What was done, or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// Somebody gave a user name and a password.
    SignIn,
    /// A session was ended by its user.
    SignOut,
    /// A refresh token was revoked.
    TokenRevoked,
    /// A code was shown a second time; what came of it was revoked.
    CodeReused,
    /// A user was added.
    UserAdded,
    /// A user was removed.
    UserRemoved,
    /// A password was changed.
    PasswordChanged,
    /// A user was put into other groups.
    GroupsChanged,
    /// A program's key was added.
    KeyAdded,
    /// A program's key was removed.
    KeyRemoved,
    /// A program showed a key, and there is none like it.
    KeyUse,
    /// An image was deleted.
    ImageDeleted,
    /// A call of the management API came without a good signature.
    ManagementCall,
}

/// How an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The action was carried out.
    Succeeded,
    /// It was wrong: a password, for instance.
    Failed,
    /// It was not tried, because there were too many tries before.
    Slowed,
    /// The actor was not allowed to do it.
    Refused,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    action: Action,
    outcome: Outcome,
    /// As they are known, or call themselves. Strangers choose it: it is written escaped.
    who: String,
    /// What it was done to; empty where the action says it all.
    what: String,
    /// An address, or `command line`.
    from: String,
}

impl Record {
    /// A record of what somebody did or tried to do.
    pub fn new(action: Action, outcome: Outcome, who: impl fmt::Display) -> Self {
        Self { action, outcome, who: bounded(&who), what: String::new(), from: String::new() }
    }

    /// To what it was done.
    #[must_use]
    pub fn what(mut self, what: impl fmt::Display) -> Self {
        self.what = bounded(&what);
        self
    }

    /// Adds the address that it was done from.
    #[must_use]
    pub fn address(mut self, address: Option<IpAddr>) -> Self {
        self.from = address.map(|address| address.to_canonical().to_string()).unwrap_or_default();
        self
    }

    /// On the server's own command line.
    #[must_use]
    pub fn on_command_line(mut self) -> Self {
        "command line".clone_into(&mut self.from);
        self
    }

    /// Writes the line. Of failures that are alike, as a flood of wrong passwords, only so many are written in full; the others
    /// are counted, and their number is written within a minute ([`write_counted`]).
    pub fn log(&self) {
        let Self { action, outcome, from, .. } = self;
        if *outcome == Outcome::Succeeded || flood::limit().admit((*action, *outcome), from, flood::now()) {
            return self.log_of(None);
        }
        metrics::counter!("labelcast_audit_records_total", "action" => action.as_str(), "outcome" => outcome.as_str())
            .increment(1);
    }

    /// Writes the line of something that happened at another time than now, as RFC 3339.
    pub fn log_of(&self, at: Option<&str>) {
        let Self { action, outcome, who, what, from } = self;
        let (action, outcome) = (action.as_str(), outcome.as_str());
        metrics::counter!("labelcast_audit_records_total", "action" => action, "outcome" => outcome).increment(1);
        // Texts as texts: each format of the log writes them so that no line break or escape sequence gets through.
        let (who, what, from) = (who.as_str(), what.as_str(), from.as_str());
        match at {
            None => tracing::info!(target: TARGET, action, outcome, who, what, from, "{action} {outcome}"),
            Some(at) => tracing::info!(target: TARGET, action, outcome, who, what, from, at, "{action} {outcome}"),
        }
    }
}

/// Writes how many failures were counted instead of being written, once their minute is over. Called about each second.
pub fn write_counted() {
    let counted = flood::limit().take(flood::now());
    for flood::Counted { kind: (action, outcome), from, times } in counted {
        let (action, outcome, from) = (action.as_str(), outcome.as_str(), from.as_str());
        tracing::info!(target: TARGET, action, outcome, from, times, "{action} {outcome} {times} more times");
    }
}

impl Action {
    /// As it stands in the log.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Outcome {
    /// As it stands in the log.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

fn bounded(text: &dyn fmt::Display) -> String {
    text.to_string().chars().take(MAX_TEXT_LEN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_actor_action_and_address_and_truncates_untrusted_input() {
        let record = Record::new(Action::SignIn, Outcome::Failed, "x".repeat(1_000))
            .what("web")
            .address("::ffff:192.0.2.1".parse().ok());
        let text = serde_json::to_value(&record).unwrap();
        assert_eq!((text["action"].as_str(), text["outcome"].as_str()), (Some("sign_in"), Some("failed")));
        assert_eq!((text["from"].as_str(), text["what"].as_str()), (Some("192.0.2.1"), Some("web")));
        assert_eq!(text["who"].as_str().unwrap().len(), MAX_TEXT_LEN);
        assert_eq!(serde_json::from_value::<Record>(text).unwrap(), record);
    }
}
