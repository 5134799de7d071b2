use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures_util::stream::{self, Stream};
use labelcast_functions::ports::PortResult;
use serde::de::DeserializeOwned;

use super::port_error;
use super::table::{Item, Table, text};

/// Where the next page begins.
enum Place {
    Start,
    After(Item),
    End,
}

impl Table {
    /// Reads the rows of one partition whose sort key begins so (all of them if it is empty), page by page, so that no more
    /// than one page of them is held at a time.
    pub(crate) fn pages<T: DeserializeOwned>(
        &self,
        pk: &str,
        begin: &str,
    ) -> impl Stream<Item = PortResult<Vec<T>>> + Send + Unpin + use<'_, T> {
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .expression_attribute_values(":pk", text(pk));
        let call = match begin {
            "" => call.key_condition_expression("pk = :pk"),
            begin => call
                .key_condition_expression("pk = :pk AND begins_with(sk, :begin)")
                .expression_attribute_values(":begin", text(begin)),
        };
        Box::pin(stream::try_unfold((call, Place::Start), |(call, place)| self.page(call, place)))
    }

    async fn page<T: DeserializeOwned>(
        &self,
        call: QueryFluentBuilder,
        place: Place,
    ) -> PortResult<Option<(Vec<T>, (QueryFluentBuilder, Place))>> {
        let from = match place {
            Place::Start => None,
            Place::After(key) => Some(key),
            Place::End => return Ok(None),
        };
        let response = call.clone().set_exclusive_start_key(from).send().await;
        let response = response.map_err(|error| port_error(self.what, &error))?;
        let rows: PortResult<Vec<T>> = response.items.into_iter().flatten().map(|item| self.read(item)).collect();
        let place = response.last_evaluated_key.map_or(Place::End, Place::After);
        Ok(Some((rows?, (call, place))))
    }
}
