//! Builders of a transaction's actions.

use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, Update};

use super::Table;
use super::table::{Item, key};

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
