//! The users of one machine.

mod password;

use std::collections::BTreeSet;
use std::sync::Arc;

use labelcast_functions::model::{MODERATORS, Name, UserId};
use labelcast_functions::ports::{Clock, PortResult, Random};
use rusqlite::{OptionalExtension, Row, params};

use crate::data;
use crate::database::Database;
pub use password::PasswordError;

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
        let added = self
            .database
            .write(move |group| {
                group
                    .prepare_cached(
                        "INSERT INTO users (name, sub, password, groups, created_at) VALUES (?, ?, ?, ?, ?)
                         ON CONFLICT (name) DO NOTHING",
                    )?
                    .execute(params![name.as_str(), sub, hash, groups, now])
            })
            .await?;
        Ok(added > 0)
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

    /// The users of a directory's first start.
    pub async fn first(&self) -> Result<Vec<NewUser>, PasswordError> {
        let mut made = Vec::new();
        for (name, groups) in [("viewer", None), ("moderator", Some(MODERATORS.to_owned()))] {
            let name: Name = name.parse().expect("a plain word is a name");
            // 16 characters of 5 bits, in fours that can be read out.
            let letters = data::letters(&*self.random, 16);
            let password = format!("{}-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..12], &letters[12..]);
            if self.add(&name, &groups.into_iter().collect(), password.clone()).await? {
                made.push(NewUser { name, password });
            }
        }
        Ok(made)
    }

    fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        salt
    }
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
