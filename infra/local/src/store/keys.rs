use async_trait::async_trait;
use labelcast_functions::ports::{ApiKey, Keys, PortResult};
use rusqlite::OptionalExtension;

use super::api_keys;
use crate::database::Database;

/// The keys of programs in the database.
#[derive(Clone)]
pub struct SqliteKeys {
    database: Database,
}

impl SqliteKeys {
    /// Keys of programs kept in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Keys for SqliteKeys {
    async fn find(&self, sha256: &[u8; 32]) -> PortResult<Option<ApiKey>> {
        let sha256 = *sha256;
        self.database
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT name, scopes FROM api_keys WHERE sha256 = ?1")?
                    .query_row([sha256], api_keys::read)
                    .optional()
            })
            .await
    }
}
