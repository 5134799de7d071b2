//! The users of one machine.

mod accounts;
mod password;

use std::collections::BTreeSet;
use std::sync::Arc;

use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::model::{MODERATORS, Name, UserId};
use labelcast_functions::ports::{Clock, PortResult, Random};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::database::Database;
use crate::{audit, data};
pub use accounts::{Known, LocalAccounts, REFRESH_EVERY};
pub use password::PasswordError;

/// The stored setting that records when the first users were created.
const FIRST_USERS: &str = "first-users";

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What they sign in with.
    pub name: Name,
    /// What their tokens call them.
    pub sub: UserId,
    /// The groups that tokens of this user name.
    pub groups: BTreeSet<String>,
    /// Grows when the password or the groups change; what was issued under another version is good no longer.
    pub version: u64,
}

/// The users in the database; only Argon2 hashes of their passwords are kept.
#[derive(Clone)]
pub struct Users {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    operator: Operator,
}

/// Who changes users, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The server itself, rather than a person.
    Server,
    /// Somebody at the command line, by the system's user.
    CommandLine(String),
}

impl Operator {
    /// A record of a change that was made.
    pub fn record(&self, action: Action, what: &Name) -> Record {
        match self {
            Self::Server => Record::new(action, Outcome::Succeeded, "serve").what(what),
            Self::CommandLine(user) => Record::new(action, Outcome::Succeeded, user).what(what).on_command_line(),
        }
    }
}

/// A newly created user, with the password that is shown once.
pub struct NewUser {
    /// What they sign in with.
    pub name: Name,
    /// The password, shown once and then only kept as a hash.
    pub password: String,
}

impl Users {
    /// Users kept in this database.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random, operator: Operator::Server }
    }

    /// Changed by somebody else than the server.
    #[must_use]
    pub fn by(mut self, operator: Operator) -> Self {
        self.operator = operator;
        self
    }

    /// Runs a change that answers whether anything changed; if so, it is recorded.
    async fn change(
        &self,
        action: Action,
        name: &Name,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<bool> + Send + 'static,
    ) -> PortResult<bool> {
        let (record, now) = (self.operator.record(action, name), self.clock.now());
        self.database
            .write(move |group| {
                let changed = change(group)?;
                if changed {
                    audit::insert(group, &record, now)?;
                }
                Ok(changed)
            })
            .await
    }

    /// Makes a user. False if there is one of that name.
    pub async fn add(&self, name: &Name, groups: &BTreeSet<String>, password: String) -> Result<bool, PasswordError> {
        let hash = password::hash(password, self.salt()).await?;
        let (owned, groups) = (name.clone(), serde_json::json!(groups).to_string());
        let (sub, now) = (self.random.id(), self.clock.now().timestamp_millis());
        let add = move |group: &Transaction<'_>| insert(group, &owned, &sub, &hash, &groups, now);
        Ok(self.change(Action::UserAdded, name, add).await?)
    }

    /// Changes a password, and ends what was issued under the old one. False if there is no such user.
    pub async fn set_password(&self, name: &Name, password: String) -> Result<bool, PasswordError> {
        let hash = password::hash(password, self.salt()).await?;
        let owned = name.clone();
        let update = move |group: &Transaction<'_>| {
            let mut update = group.prepare_cached("UPDATE users SET password = ? WHERE name = ?")?;
            Ok(update.execute([&hash, owned.as_str()])? > 0)
        };
        Ok(self.change(Action::PasswordChanged, name, update).await?)
    }

    /// Puts a user into exactly these groups, and ends what was issued before. False if there is no such user. Nothing
    /// changes, and nothing ends, where the groups are these already.
    pub async fn set_groups(&self, name: &Name, groups: &BTreeSet<String>) -> PortResult<bool> {
        let (owned, groups) = (name.clone(), serde_json::json!(groups).to_string());
        let update = move |group: &Transaction<'_>| {
            let mut update = group.prepare_cached("UPDATE users SET groups = ?1 WHERE name = ?2 AND groups <> ?1")?;
            Ok(update.execute([&groups, owned.as_str()])? > 0)
        };
        Ok(self.change(Action::GroupsChanged, name, update).await? || self.find(name).await?.is_some())
    }

    /// Removes a user. False if there is none.
    pub async fn remove(&self, name: &Name) -> PortResult<bool> {
        let owned = name.clone();
        let delete = move |group: &Transaction<'_>| {
            Ok(group.prepare_cached("DELETE FROM users WHERE name = ?")?.execute([owned.as_str()])? > 0)
        };
        self.change(Action::UserRemoved, name, delete).await
    }

    /// All users, by name.
    pub async fn list(&self) -> PortResult<Vec<User>> {
        self.database
            .read(|connection| {
                let mut select =
                    connection.prepare_cached("SELECT name, sub, groups, version FROM users ORDER BY name")?;
                select.query_map([], read)?.collect()
            })
            .await
    }

    /// Looks up a user by name.
    pub async fn find(&self, name: &Name) -> PortResult<Option<User>> {
        let name = name.clone();
        self.database
            .read(move |connection| {
                let mut select =
                    connection.prepare_cached("SELECT name, sub, groups, version FROM users WHERE name = ?")?;
                select.query_row([name.as_str()], read).optional()
            })
            .await
    }

    /// The user of this name and password. An unknown name takes as long as a wrong password.
    pub async fn verify(&self, name: &str, password: String) -> Result<Option<User>, PasswordError> {
        let name = name.to_owned();
        let found: Option<(User, String)> = self
            .database
            .read(move |connection| {
                let mut select = connection
                    .prepare_cached("SELECT name, sub, groups, version, password FROM users WHERE name = ?")?;
                select.query_row([name], |row| Ok((read(row)?, row.get(4)?))).optional()
            })
            .await?;
        let (user, hash) = found.unzip();
        let right = password::verify(password, hash).await?;
        Ok(user.filter(|_| right))
    }

    /// Makes the users of a directory's first start, all in one change that is remembered: a start that is broken off makes
    /// none, and none of them comes back once it was removed. Nothing on later starts.
    pub async fn first(&self) -> Result<Vec<NewUser>, PasswordError> {
        if self.database.read(had_first_users).await? {
            return Ok(Vec::new());
        }
        let (mut reported, mut rows) = (Vec::new(), Vec::new());
        for (name, groups) in [("viewer", vec![]), ("moderator", vec![MODERATORS])] {
            let name: Name = name.parse().expect("a plain word is a name");
            // 16 characters of 5 bits, in fours that can be read out.
            let random_id = data::random_id(&*self.random, 16);
            let password =
                format!("{}-{}-{}-{}", &random_id[..4], &random_id[4..8], &random_id[8..12], &random_id[12..]);
            let hash = password::hash(password.clone(), self.salt()).await?;
            rows.push((name.clone(), self.random.id(), hash, serde_json::json!(groups).to_string()));
            reported.push(NewUser { name, password });
        }
        let (at, operator) = (self.clock.now(), self.operator.clone());
        let now = at.timestamp_millis();
        let made = self
            .database
            .write(move |group| {
                if had_first_users(group)? {
                    return Ok(Vec::new());
                }
                group.execute(
                    "INSERT INTO settings (name, value) VALUES (?, ?)",
                    params![FIRST_USERS, now.to_string()],
                )?;
                let mut made = Vec::with_capacity(rows.len());
                for (name, sub, hash, groups) in &rows {
                    let added = insert(group, name, sub, hash, groups, now)?;
                    if added {
                        audit::insert(group, &operator.record(Action::UserAdded, name), at)?;
                    }
                    made.push(added);
                }
                Ok(made)
            })
            .await?;
        // Somebody may have added one of that name before.
        Ok(reported.into_iter().zip(made).filter_map(|(user, made)| made.then_some(user)).collect())
    }

    fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        salt
    }
}

fn had_first_users(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM settings WHERE name = ?")?.exists([FIRST_USERS])
}

/// False if there is one of that name.
fn insert(
    group: &Transaction<'_>,
    name: &Name,
    sub: &str,
    hash: &str,
    groups: &str,
    now: i64,
) -> rusqlite::Result<bool> {
    let added = group
        .prepare_cached(
            "INSERT INTO users (name, sub, password, groups, created_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (name) DO NOTHING",
        )?
        .execute(params![name.as_str(), sub, hash, groups, now])?;
    Ok(added > 0)
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    let wrong = |column, error: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.to_owned().into())
    };
    let (name, sub, groups): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(User {
        name: name.parse().map_err(|_| wrong(0, "not a name"))?,
        sub: sub.parse().map_err(|_| wrong(1, "not a user id"))?,
        groups: serde_json::from_str(&groups).map_err(|_| wrong(2, "not a list of groups"))?,
        version: row.get(3)?,
    })
}

#[cfg(test)]
mod tests;
