use async_trait::async_trait;
use labelcast_functions::model::Name;
use labelcast_functions::ports::{ApiKey, Keys, PortError, PortResult, Scope};
use serde::{Deserialize, Serialize};

use super::Table;

/// The sort key of a key's row; its partition is the hash of the secret.
const KEY: &str = "key";

/// The keys of programs, by the SHA-256 of their secrets. The secrets themselves are nowhere.
#[derive(Debug, Clone)]
pub struct DynamoKeys {
    table: Table,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    pk: String,
    sk: String,
    name: Name,
    scopes: Vec<String>,
}

impl DynamoKeys {
    /// Keys kept in this table.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Gives a program a key, as an operator does.
    pub async fn add(&self, key: &ApiKey, sha256: &[u8; 32]) -> PortResult<()> {
        let scopes = key.scopes.iter().map(ToString::to_string).collect();
        let row = Row { pk: partition(sha256), sk: KEY.to_owned(), name: key.name.clone(), scopes };
        self.table.put(&row).await
    }

    /// Deletes a key, which is refused from then on.
    pub async fn remove(&self, sha256: &[u8; 32]) -> PortResult<()> {
        self.table.delete(&partition(sha256), KEY).await
    }
}

fn partition(sha256: &[u8; 32]) -> String {
    format!("key#{}", hex::encode(sha256))
}

#[async_trait]
impl Keys for DynamoKeys {
    async fn find(&self, sha256: &[u8; 32]) -> PortResult<Option<ApiKey>> {
        let Some(row) = self.table.get::<Row>(&partition(sha256), KEY).await? else { return Ok(None) };
        let scopes: Result<Vec<Scope>, _> = row.scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = scopes
            .map_err(|error| PortError::Failed { what: "a program's key", why: format!("{}: {error}", row.name) })?;
        Ok(Some(ApiKey { name: row.name, scopes }))
    }
}
