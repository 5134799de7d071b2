//! What a transaction is made of.

use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Delete, Put, Update};

use super::Table;
use super::table::{Item, key};

/// Why a transaction was not made: a reason an action, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cancelled {
    pub(crate) reasons: Vec<Reason>,
}

/// Why an action stopped its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It did not.
    None,
    /// Its condition does not hold.
    Condition,
    /// Somebody else writes the row at this moment, or too many do: the whole can be tried again.
    Conflict,
    /// A request that is refused.
    Other,
}

impl Reason {
    pub(super) fn of(reason: &CancellationReason) -> Self {
        match reason.code() {
            None | Some("None") => Self::None,
            Some("ConditionalCheckFailed") => Self::Condition,
            Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => Self::Conflict,
            Some(_) => Self::Other,
        }
    }
}

impl Cancelled {
    /// Whether this action's condition did not hold.
    pub(crate) fn condition_of(&self, action: usize) -> bool {
        self.reasons.get(action) == Some(&Reason::Condition)
    }
}

/// Writes a whole row. Finish with `build()`, which cannot fail: the name and the row are set.
pub(crate) fn put(table: &Table, item: Item) -> PutBuilder {
    Put::builder().table_name(&table.name).set_item(Some(item))
}

/// Changes a row. Finish with `update_expression` and `build()`.
pub(crate) fn update(table: &Table, pk: &str, sk: &str) -> UpdateBuilder {
    Update::builder().table_name(&table.name).set_key(Some(key(pk, sk)))
}

/// Deletes a row; one that is not there is fine, unless a condition is set.
pub(crate) fn delete(table: &Table, pk: &str, sk: &str) -> DeleteBuilder {
    Delete::builder().table_name(&table.name).set_key(Some(key(pk, sk)))
}

/// Only looks at a row. Finish with `condition_expression` and `build()`.
pub(crate) fn check(table: &Table, pk: &str, sk: &str) -> ConditionCheckBuilder {
    ConditionCheck::builder().table_name(&table.name).set_key(Some(key(pk, sk)))
}
