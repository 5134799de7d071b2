//! Writes of one row under a condition. One that meets a transaction on the same row is made again.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use labelcast_functions::ports::PortResult;
use serde::Serialize;

use super::contention::Backoff;
use super::port_error;
use super::table::{Item, Table, key};

/// What became of an update: the row that its `return_values` request, or, where its condition does not hold, the row as
/// it is (`None` if there is none).
pub(crate) type Updated = Result<Option<Item>, Option<Item>>;

impl Table {
    /// Begins an update of one row, to be made by [`Table::update_if`].
    pub(crate) fn updating(&self, pk: &str, sk: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key(pk, sk)))
    }

    /// Begins a deletion of one row, to be made by [`Table::delete_if`].
    pub(crate) fn deleting(&self, pk: &str, sk: &str) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&self.name).set_key(Some(key(pk, sk)))
    }

    /// A value as a row holds it.
    pub(crate) fn value<T: Serialize>(&self, value: &T) -> PortResult<AttributeValue> {
        serde_dynamo::to_attribute_value(value).map_err(|error| self.broken(&error))
    }

    /// Makes an update if its condition holds.
    pub(crate) async fn update_if(&self, call: UpdateItemFluentBuilder) -> PortResult<Updated> {
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut backoff = Backoff::new(self.what);
        loop {
            let error = match call.clone().send().await {
                Ok(response) => return Ok(Ok(response.attributes)),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    return Ok(Err(refused.item().cloned()));
                }
                Some(UpdateItemError::TransactionConflictException(_)) => backoff.wait().await?,
                _ => return Err(port_error(self.what, &error)),
            }
        }
    }

    /// Makes a deletion if its condition holds; returns whether it does.
    pub(crate) async fn delete_if(&self, call: DeleteItemFluentBuilder) -> PortResult<bool> {
        let mut backoff = Backoff::new(self.what);
        loop {
            let Err(error) = call.clone().send().await else { return Ok(true) };
            match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => return Ok(false),
                Some(DeleteItemError::TransactionConflictException(_)) => backoff.wait().await?,
                _ => return Err(port_error(self.what, &error)),
            }
        }
    }
}
