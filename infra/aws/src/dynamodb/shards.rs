//! Spreading what all write to, or read in order, over a few partitions.

use futures_util::future::try_join_all;
use labelcast_functions::ports::PortResult;
use serde::de::DeserializeOwned;

use super::{Order, Range, Table};

/// In how many partitions lists stand that all images or uploads are in. One partition takes 1,000 write units a second
/// (a row in a transaction is two), and each reader asks all of them. Rows are found by it: it never changes.
pub(crate) const SHARDS: u8 = 4;

/// Which partition of such a list something belongs to.
pub(crate) fn shard_of(id: &[u8]) -> u8 {
    id.iter().fold(0, |sum, byte| sum ^ byte) % SHARDS
}

/// The partition's key.
pub(crate) fn sharded(list: &str, shard: u8) -> String {
    format!("{list}#{shard}")
}

impl Table {
    /// Reads the first rows of every partition of a list, at most `limit` of each.
    pub(crate) async fn query_shards<T: DeserializeOwned + Send>(
        &self,
        list: &str,
        range: Range<'_>,
        order: Order,
        limit: usize,
    ) -> PortResult<Vec<Vec<T>>> {
        let partitions: Vec<String> = (0..SHARDS).map(|shard| sharded(list, shard)).collect();
        try_join_all(partitions.iter().map(|pk| self.query(pk, range, order, limit))).await
    }
}
