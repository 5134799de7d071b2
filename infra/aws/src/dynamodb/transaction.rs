//! Parts of transactions, made from the builders of [`super::action`].

use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use labelcast_functions::ports::PortResult;

use super::Table;

pub(crate) fn put(table: &Table, action: PutBuilder) -> PortResult<TransactWriteItem> {
    Ok(TransactWriteItem::builder().put(action.build().map_err(|error| table.broken(&error))?).build())
}

pub(crate) fn update(table: &Table, action: UpdateBuilder) -> PortResult<TransactWriteItem> {
    Ok(TransactWriteItem::builder().update(action.build().map_err(|error| table.broken(&error))?).build())
}

pub(crate) fn delete(table: &Table, action: DeleteBuilder) -> PortResult<TransactWriteItem> {
    Ok(TransactWriteItem::builder().delete(action.build().map_err(|error| table.broken(&error))?).build())
}

pub(crate) fn check(table: &Table, action: ConditionCheckBuilder) -> PortResult<TransactWriteItem> {
    Ok(TransactWriteItem::builder().condition_check(action.build().map_err(|error| table.broken(&error))?).build())
}

/// Actions of one transaction (API reference).
pub(crate) const ACTIONS: usize = 100;

/// Packs actions into transactions, in order, with `reserved` actions left free in each. What belongs together is not torn.
pub(crate) fn pack(groups: Vec<Vec<TransactWriteItem>>, reserved: usize) -> Vec<Vec<TransactWriteItem>> {
    let mut packed: Vec<Vec<TransactWriteItem>> = vec![Vec::new()];
    for group in groups {
        match packed.last_mut() {
            Some(last) if last.len() + group.len() + reserved <= ACTIONS => last.extend(group),
            _ => packed.push(group),
        }
    }
    packed
}
