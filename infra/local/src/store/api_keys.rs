//! The command line's operations on programs' keys.

use chrono::{DateTime, Utc};
use labelcast_functions::audit::Action;
use labelcast_functions::model::Name;
use labelcast_functions::ports::{ApiKey, PortResult, Scope};
use rusqlite::{Row, params};

use super::columns::{json, parsed, to_json, unreadable};
use crate::audit;
use crate::database::Database;
use crate::users::Operator;

/// Stores a key under the SHA-256 of its secret. False if there is a key of that name: nothing changed.
pub async fn add(
    database: &Database,
    key: &ApiKey,
    sha256: [u8; 32],
    now: DateTime<Utc>,
    operator: &Operator,
) -> PortResult<bool> {
    let record = operator.record(Action::KeyAdded, &key.name);
    let name = key.name.clone();
    let scopes = to_json(&key.scopes.iter().map(Scope::to_string).collect::<Vec<_>>());
    database
        .write(move |group| {
            let added = group
                .prepare_cached(concat!(
                    "INSERT INTO api_keys (name, sha256, scopes, created_at) VALUES (?1, ?2, ?3, ?4) ",
                    "ON CONFLICT (name) DO NOTHING"
                ))?
                .execute(params![name.as_str(), sha256, scopes, now.timestamp_millis()])?;
            if added > 0 {
                audit::insert(group, &record, now)?;
            }
            Ok(added > 0)
        })
        .await
}

/// Every key with its scopes, in the order of names.
pub async fn list(database: &Database) -> PortResult<Vec<ApiKey>> {
    database
        .read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name, scopes FROM api_keys ORDER BY name")?;
            statement.query_map([], read)?.collect()
        })
        .await
}

/// Removes a key, which is refused from then on. False if there is none of that name.
pub async fn remove(database: &Database, name: &Name, now: DateTime<Utc>, operator: &Operator) -> PortResult<bool> {
    let record = operator.record(Action::KeyRemoved, name);
    let name = name.clone();
    database
        .write(move |group| {
            let removed = group.prepare_cached("DELETE FROM api_keys WHERE name = ?1")?.execute([name.as_str()])?;
            if removed > 0 {
                audit::insert(group, &record, now)?;
            }
            Ok(removed > 0)
        })
        .await
}

/// From the columns `name, scopes`.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let scopes: Vec<String> = json(row, 1)?;
    let scopes = scopes.iter().map(|scope| scope.parse()).collect::<Result<_, _>>();
    Ok(ApiKey { name: parsed(row, 0)?, scopes: scopes.map_err(|error| unreadable(1, error))? })
}
