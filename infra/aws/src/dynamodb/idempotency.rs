use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::Name;
use labelcast_functions::ports::{Claimed, Idempotency, IdempotencyClaim, PortResult};
use serde::{Deserialize, Serialize};

use super::{Table, key, number, port_error};

/// How long a claim counts.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// The requests of programs that came before.
#[derive(Debug, Clone)]
pub struct DynamoIdempotency {
    table: Table,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    pk: String,
    sk: String,
    /// The digest of the request, in hex digits: another one under the same key is refused.
    request: String,
    id: String,
    done: bool,
    /// When the key was first used, in milliseconds since 1970.
    claimed_at: i64,
    /// In seconds: DynamoDB forgets it some time after.
    ttl: i64,
}

impl DynamoIdempotency {
    /// Idempotency keys kept in this table.
    pub fn new(table: Table) -> Self {
        Self { table }
    }
}

/// A partition a program; within, a row a key.
fn partition(api_key: &Name) -> String {
    format!("idempotency#{api_key}")
}

#[async_trait]
impl Idempotency for DynamoIdempotency {
    async fn claim(&self, claim: &IdempotencyClaim, now: DateTime<Utc>) -> PortResult<Claimed> {
        let row = Row {
            pk: partition(&claim.api_key),
            sk: claim.key.clone(),
            request: hex::encode(claim.request),
            id: claim.id.clone(),
            done: false,
            claimed_at: now.timestamp_millis(),
            ttl: (now + REMEMBERED).timestamp() + 1,
        };
        let oldest = (now - REMEMBERED).timestamp_millis();
        let call = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(self.table.item(&row)?))
            .condition_expression("attribute_not_exists(pk) OR claimed_at < :oldest")
            .expression_attribute_values(":oldest", number(oldest))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = call.send().await else { return Ok(Claimed::First) };
        let known = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item().cloned(),
            _ => return Err(port_error(self.table.what, &error)),
        };
        let known: Row = match known {
            Some(item) => self.table.read(item)?,
            None => return Err(port_error(self.table.what, &error)),
        };
        match known.request == row.request {
            true => Ok(Claimed::Again { id: known.id, done: known.done }),
            false => Ok(Claimed::Conflict),
        }
    }

    async fn done(&self, api_key: &Name, name: &str) -> PortResult<()> {
        let call = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(&partition(api_key), name)))
            .update_expression("SET done = :done")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":done", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        match call.send().await {
            Ok(_) => Ok(()),
            // It was forgotten meanwhile, which is the same as done.
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(port_error(self.table.what, &error)),
        }
    }

    /// DynamoDB forgets by itself; what it did not come to yet does not count.
    async fn expire(&self, _now: DateTime<Utc>) -> PortResult<u64> {
        Ok(0)
    }
}
