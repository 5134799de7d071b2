//! The users of one machine.

mod password;

use std::collections::BTreeSet;
use std::sync::Arc;

use labelcast_functions::model::{MODERATORS, Name, UserId};
use labelcast_functions::ports::{Clock, PortResult, Random};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::data;
use crate::database::Database;
pub use password::PasswordError;

/// The setting that tells that the first users were made, and when.
const FIRST_USERS: &str = "first-users";

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What they sign in with.
    pub name: Name,
    /// What their tokens call them.
    pub sub: UserId,
    /// Their groups.
    pub groups: BTreeSet<String>,
}

/// The users in the database; only Argon2 hashes of their passwords are kept.
#[derive(Clone)]
pub struct Users {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A user that was just made, and the password that is told once.
pub struct NewUser {
    /// What they sign in with.
    pub name: Name,
    /// Told once.
    pub password: String,
}

impl Users {
    /// In this database.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }

    /// Makes a user. False if there is one of that name.
    pub async fn add(&self, name: &Name, groups: &BTreeSet<String>, password: String) -> Result<bool, PasswordError> {
        let hash = password::hash(password, self.salt()).await?;
        let (name, groups) = (name.clone(), serde_json::json!(groups).to_string());
        let (sub, now) = (self.random.id(), self.clock.now().timestamp_millis());
        Ok(self.database.write(move |group| insert(group, &name, &sub, &hash, &groups, now)).await?)
    }

    /// Changes a password, and ends what was signed in with the old one. False if there is no such user.
    pub async fn set_password(&self, name: &Name, password: String) -> Result<bool, PasswordError> {
        let hash = password::hash(password, self.salt()).await?;
        let name = name.clone();
        let changed = self
            .database
            .write(move |group| {
                group.prepare_cached("DELETE FROM grants WHERE user = ?")?.execute([name.as_str()])?;
                group.prepare_cached("UPDATE users SET password = ? WHERE name = ?")?.execute([&hash, name.as_str()])
            })
            .await?;
        Ok(changed > 0)
    }

    /// Removes a user. False if there is none.
    pub async fn remove(&self, name: &Name) -> PortResult<bool> {
        let name = name.clone();
        let removed = self
            .database
            .write(move |group| group.prepare_cached("DELETE FROM users WHERE name = ?")?.execute([name.as_str()]))
            .await?;
        Ok(removed > 0)
    }

    /// All users, by name.
    pub async fn list(&self) -> PortResult<Vec<User>> {
        self.database
            .read(|connection| {
                let mut select = connection.prepare_cached("SELECT name, sub, groups FROM users ORDER BY name")?;
                select.query_map([], read)?.collect()
            })
            .await
    }

    /// A user by name.
    pub async fn find(&self, name: &Name) -> PortResult<Option<User>> {
        let name = name.clone();
        self.database
            .read(move |connection| {
                let mut select = connection.prepare_cached("SELECT name, sub, groups FROM users WHERE name = ?")?;
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
                let mut select =
                    connection.prepare_cached("SELECT name, sub, groups, password FROM users WHERE name = ?")?;
                select.query_row([name], |row| Ok((read(row)?, row.get(3)?))).optional()
            })
            .await?;
        let (user, hash) = found.unzip();
        let right = password::verify(password, hash).await?;
        Ok(user.filter(|_| right))
    }

    /// Makes the users of a directory's first start, all in one change that is remembered: a start that is broken off makes
    /// none, and none of them comes back once it was removed (rule 24). Nothing on later starts.
    pub async fn first(&self) -> Result<Vec<NewUser>, PasswordError> {
        if self.database.read(had_first_users).await? {
            return Ok(Vec::new());
        }
        let (mut told, mut rows) = (Vec::new(), Vec::new());
        for (name, groups) in [("viewer", vec![]), ("moderator", vec![MODERATORS])] {
            let name: Name = name.parse().expect("a plain word is a name");
            // 16 characters of 5 bits, in fours that can be read out.
            let letters = data::letters(&*self.random, 16);
            let password = format!("{}-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..12], &letters[12..]);
            let hash = password::hash(password.clone(), self.salt()).await?;
            rows.push((name.clone(), self.random.id(), hash, serde_json::json!(groups).to_string()));
            told.push(NewUser { name, password });
        }
        let now = self.clock.now().timestamp_millis();
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
                rows.iter().map(|(name, sub, hash, groups)| insert(group, name, sub, hash, groups, now)).collect()
            })
            .await?;
        // Somebody may have added one of that name before.
        Ok(told.into_iter().zip(made).filter_map(|(user, made)| made.then_some(user)).collect())
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
        name: name.parse().map_err(|_| wrong(0, "no name"))?,
        sub: sub.parse().map_err(|_| wrong(1, "no user id"))?,
        groups: serde_json::from_str(&groups).map_err(|_| wrong(2, "no list of groups"))?,
    })
}

#[cfg(test)]
mod tests;
