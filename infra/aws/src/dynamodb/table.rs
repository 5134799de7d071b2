use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use labelcast_functions::ports::{PortError, PortResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cancelled::{Cancelled, Reason};
use super::port_error;

/// A row as DynamoDB has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Keys of one `BatchGetItem` (API reference).
const BATCH: usize = 100;
/// Number of times that unprocessed keys of a batch are requested again; the SDK waits between throttled calls of its own
/// accord.
const BATCH_ATTEMPTS: usize = 8;

/// A table of DynamoDB, with what every access needs.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    /// What it holds, for errors.
    pub(super) what: &'static str,
}

impl Table {
    /// The table of this name; `what` says in errors what it holds.
    pub fn new(client: Client, name: impl Into<String>, what: &'static str) -> Self {
        Self { client, name: name.into(), what }
    }

    /// Reads one row, strongly; `None` if there is none.
    pub(crate) async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> PortResult<Option<T>> {
        let call = self.client.get_item().table_name(&self.name).set_key(Some(key(pk, sk))).consistent_read(true);
        let response = call.send().await.map_err(|error| port_error(self.what, &error))?;
        response.item.map(|item| self.read(item)).transpose()
    }

    /// Reads many rows, in any order; those that are not there are left out.
    pub(crate) async fn get_many<T: DeserializeOwned>(&self, keys: &[(String, String)]) -> PortResult<Vec<T>> {
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(BATCH) {
            let mut left: Vec<Item> = some.iter().map(|(pk, sk)| key(pk, sk)).collect();
            for _ in 0..BATCH_ATTEMPTS {
                let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
                let wanted = wanted.map_err(|error| self.broken(&error))?;
                let call = self.client.batch_get_item().request_items(&self.name, wanted);
                let response = call.send().await.map_err(|error| port_error(self.what, &error))?;
                for item in response.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                    found.push(self.read(item)?);
                }
                left = response.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                let why = format!("{} rows could not be read; the table is throttled", left.len());
                return Err(PortError::Unavailable { what: self.what, why });
            }
        }
        Ok(found)
    }

    /// Writes a row, whatever was there.
    pub(crate) async fn put<T: Serialize>(&self, row: &T) -> PortResult<()> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(self.item(row)?));
        call.send().await.map(drop).map_err(|error| port_error(self.what, &error))
    }

    /// Deletes a row; one that is not there is fine.
    pub(crate) async fn delete(&self, pk: &str, sk: &str) -> PortResult<()> {
        let call = self.client.delete_item().table_name(&self.name).set_key(Some(key(pk, sk)));
        call.send().await.map(drop).map_err(|error| port_error(self.what, &error))
    }

    /// Writes all of it or nothing. The inner result says which conditions did not hold, or that others wrote at once.
    pub(crate) async fn transact(&self, actions: Vec<TransactWriteItem>) -> PortResult<Result<(), Cancelled>> {
        match self.client.transact_write_items().set_transact_items(Some(actions)).send().await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons: Vec<Reason> = cancelled.cancellation_reasons().iter().map(Reason::of).collect();
                    match reasons.contains(&Reason::Other) {
                        true => Err(port_error(self.what, &error)),
                        false => Ok(Err(Cancelled { reasons })),
                    }
                }
                _ => Err(port_error(self.what, &error)),
            },
        }
    }

    /// A row of a known form.
    pub(crate) fn read<T: DeserializeOwned>(&self, item: Item) -> PortResult<T> {
        serde_dynamo::from_item(item).map_err(|error| self.broken(&error))
    }

    /// A row to be written.
    pub(crate) fn item<T: Serialize>(&self, row: &T) -> PortResult<Item> {
        serde_dynamo::to_item(row).map_err(|error| self.broken(&error))
    }

    pub(super) fn broken(&self, error: &dyn std::error::Error) -> PortError {
        PortError::Failed { what: self.what, why: error.to_string() }
    }
}

/// The key of a row, as requests want it.
pub(crate) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

/// A text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A whole number as an attribute.
pub(crate) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}
