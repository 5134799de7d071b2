use labelcast_functions::ports::PortResult;
use serde::de::DeserializeOwned;

use super::port_error;
use super::table::{Item, Table, text};

/// Which rows of a partition, by their sort key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Range<'a> {
    /// Every row of the partition.
    All,
    /// Rows whose sort key begins so.
    Begins(&'a str),
    /// From the first to the second, both included.
    Between(&'a str, &'a str),
}

/// In which order of their sort keys rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

impl Table {
    /// Reads rows of one partition, page by page, at most `limit` of them.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        range: Range<'_>,
        order: Order,
        limit: usize,
    ) -> PortResult<Vec<T>> {
        let mut found = Vec::new();
        let mut from: Option<Item> = None;
        while found.len() < limit {
            let page = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let call = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(order == Order::Ascending)
                .limit(page)
                .expression_attribute_values(":pk", text(pk))
                .set_exclusive_start_key(from);
            let call = match range {
                Range::All => call.key_condition_expression("pk = :pk"),
                Range::Begins(begin) => call
                    .key_condition_expression("pk = :pk AND begins_with(sk, :begin)")
                    .expression_attribute_values(":begin", text(begin)),
                Range::Between(first, last) => call
                    .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                    .expression_attribute_values(":first", text(first))
                    .expression_attribute_values(":last", text(last)),
            };
            let response = call.send().await.map_err(|error| port_error(self.what, &error))?;
            for item in response.items.into_iter().flatten() {
                found.push(self.read(item)?);
            }
            from = response.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(found)
    }
}
