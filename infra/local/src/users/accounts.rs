//! The port `Accounts`: which users there are, and under which version, in memory.
//!
//! Tokens are checked thousands of times a second, users change a few times a year, and mostly by the command line in
//! another process. So what is known is looked up again by one small query: a number that every change of `users`
//! raises. Only when it has moved are the users read.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use labelcast_functions::model::{Caller, UserId};
use labelcast_functions::ports::{Accounts, PortResult};
use rusqlite::Connection;

use crate::database::Database;

/// How often a running server looks whether users have changed.
pub const REFRESH_EVERY: Duration = Duration::from_millis(250);

/// Older information is not used: it is looked up first.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The accounts of one machine. Cheap to clone.
#[derive(Clone)]
pub struct LocalAccounts {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    known: RwLock<Arc<Known>>,
    /// Held while looking up, so that many who find the same thing too old look once.
    looking: tokio::sync::Mutex<()>,
}

/// The accounts as they were at one moment.
#[derive(Debug)]
pub struct Known {
    revision: Option<i64>,
    versions: HashMap<UserId, u64>,
    /// When the look-up began: every change that was committed before is in it.
    looked_at: Instant,
}

impl Known {
    /// Whether a token that was issued to this caller is still good.
    pub fn is_current(&self, caller: &Caller) -> bool {
        self.versions.get(&caller.user) == Some(&caller.account_version)
    }

    /// A number that changes with every change of a user.
    pub fn revision(&self) -> Option<i64> {
        self.revision
    }
}

impl LocalAccounts {
    /// Over the users of a database.
    pub fn new(database: Database) -> Self {
        let nothing = Known { revision: None, versions: HashMap::new(), looked_at: Instant::now() };
        let looking = tokio::sync::Mutex::default();
        Self { shared: Arc::new(Shared { database, known: RwLock::new(Arc::new(nothing)), looking }) }
    }

    /// Looks whether anything has changed; returns what is known now.
    pub async fn refresh(&self) -> PortResult<Arc<Known>> {
        self.no_older_than(Duration::ZERO).await
    }

    async fn no_older_than(&self, age: Duration) -> PortResult<Arc<Known>> {
        let requested_at = Instant::now();
        let is_fresh = |known: &Known| known.revision.is_some() && known.looked_at + age >= requested_at;
        let known = self.known();
        if is_fresh(&known) {
            return Ok(known);
        }
        let _looking = self.shared.looking.lock().await;
        // Somebody else may have looked while we waited.
        let known = self.known();
        if is_fresh(&known) {
            return Ok(known);
        }
        let looked_at = Instant::now();
        let before = known.revision;
        let found = self.shared.database.read(move |connection| changed_since(connection, before)).await?;
        let known = Arc::new(match found {
            None => Known { revision: before, versions: known.versions.clone(), looked_at },
            Some((revision, versions)) => Known { revision: Some(revision), versions, looked_at },
        });
        *self.shared.known.write().unwrap_or_else(PoisonError::into_inner) = known.clone();
        Ok(known)
    }

    fn known(&self) -> Arc<Known> {
        self.shared.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The revision and all accounts; `None` if the revision is still this one.
fn changed_since(
    connection: &Connection,
    before: Option<i64>,
) -> rusqlite::Result<Option<(i64, HashMap<UserId, u64>)>> {
    let mut select = connection.prepare_cached("SELECT revision FROM revisions WHERE name = 'users'")?;
    let revision: i64 = select.query_row([], |row| row.get(0))?;
    if before == Some(revision) {
        return Ok(None);
    }
    let mut select = connection.prepare_cached("SELECT sub, version FROM users")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut versions = HashMap::new();
    for row in rows {
        let (sub, version) = row?;
        // A row that is no user's can have no token either.
        if let Ok(sub) = sub.parse() {
            versions.insert(sub, version);
        }
    }
    Ok(Some((revision, versions)))
}

#[async_trait]
impl Accounts for LocalAccounts {
    async fn is_current(&self, caller: &Caller) -> PortResult<bool> {
        // Refused only by what is known now: the user may have been added, or have signed in anew, a moment ago.
        Ok(self.no_older_than(MAX_AGE).await?.is_current(caller) || self.refresh().await?.is_current(caller))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use labelcast_functions::model::Name;
    use labelcast_functions::system::{SystemClock, SystemRandom};

    use super::*;
    use crate::users::{User, Users};

    fn caller(user: &User) -> Caller {
        Caller {
            user: user.sub.clone(),
            username: user.name.to_string(),
            groups: user.groups.clone(),
            expires_at: DateTime::UNIX_EPOCH,
            account_version: user.version,
        }
    }

    #[tokio::test]
    async fn an_account_version_ends_with_relevant_changes_by_another_process_and_no_others() {
        let place = tempfile::tempdir().unwrap();
        let accounts = LocalAccounts::new(Database::open(place.path()).unwrap());
        // A second opening, as the command line's: the first is not part of its changes.
        let users = Users::new(Database::open(place.path()).unwrap(), Arc::new(SystemClock), Arc::new(SystemRandom));
        let name: Name = "ada".parse().unwrap();
        let password = || "correct horse".to_owned();
        assert!(users.add(&name, &BTreeSet::new(), password()).await.unwrap());
        let found = async || caller(&users.find(&name).await.unwrap().unwrap());
        let first = found().await;
        assert!(accounts.refresh().await.unwrap().is_current(&first));

        assert!(users.set_password(&name, password()).await.unwrap(), "even the same one again");
        assert!(!accounts.refresh().await.unwrap().is_current(&first));
        let second = found().await;
        assert!(accounts.refresh().await.unwrap().is_current(&second));

        assert!(users.set_groups(&name, &["moderators".to_owned()].into()).await.unwrap());
        assert!(!accounts.refresh().await.unwrap().is_current(&second));
        let third = found().await;
        assert!(users.add(&"bob".parse().unwrap(), &BTreeSet::new(), password()).await.unwrap());
        assert!(accounts.refresh().await.unwrap().is_current(&third), "another's change is not hers");

        assert!(users.remove(&name).await.unwrap());
        assert!(!accounts.refresh().await.unwrap().is_current(&third));
        assert!(users.add(&name, &BTreeSet::new(), password()).await.unwrap());
        assert!(!accounts.refresh().await.unwrap().is_current(&first), "the name belongs to somebody else now");
    }

    #[tokio::test]
    async fn cached_accounts_are_reloaded_only_when_stale() {
        let place = tempfile::tempdir().unwrap();
        let accounts = LocalAccounts::new(Database::open(place.path()).unwrap());
        let first = accounts.no_older_than(MAX_AGE).await.unwrap();
        assert!(Arc::ptr_eq(&first, &accounts.no_older_than(Duration::from_hours(1)).await.unwrap()));
        let again = accounts.refresh().await.unwrap();
        assert!(!Arc::ptr_eq(&first, &again) && again.revision() == first.revision());
    }
}
