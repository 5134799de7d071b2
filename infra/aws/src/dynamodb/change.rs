//! The actions of a transaction on rows that have a `version`.

use aws_sdk_dynamodb::types::TransactWriteItem;
use labelcast_functions::ports::PortResult;
use serde::Serialize;

use super::action::{delete, put};
use super::{Table, number};

/// When a row may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum If {
    /// The change is made whatever is there.
    Always,
    /// The change is made only where there is no row.
    Absent,
    /// It is as it was read: each change counts its `version` up.
    Version(u64),
}

impl If {
    const fn expression(self) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::Absent => Some("attribute_not_exists(pk)"),
            Self::Version(_) => Some("#version = :version"),
        }
    }
}

impl Table {
    /// Writes a whole row.
    pub(crate) fn transact_put<T: Serialize>(&self, row: &T, when: If) -> PortResult<TransactWriteItem> {
        let mut put = put(self, self.item(row)?).set_condition_expression(when.expression().map(str::to_owned));
        if let If::Version(version) = when {
            put = put.expression_attribute_names("#version", "version");
            put = put.expression_attribute_values(":version", number(version));
        }
        let put = put.build().map_err(|error| self.broken(&error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Deletes a row.
    pub(crate) fn transact_delete(&self, pk: &str, sk: &str, when: If) -> PortResult<TransactWriteItem> {
        let mut delete = delete(self, pk, sk).set_condition_expression(when.expression().map(str::to_owned));
        if let If::Version(version) = when {
            delete = delete.expression_attribute_names("#version", "version");
            delete = delete.expression_attribute_values(":version", number(version));
        }
        let delete = delete.build().map_err(|error| self.broken(&error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
