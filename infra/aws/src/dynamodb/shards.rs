//! Spreads hot or ordered lists over a few partitions.

use futures_util::future::try_join_all;
use labelcast_functions::ports::PortResult;
use serde::de::DeserializeOwned;

use super::{Order, Range, Table};

/// In how many partitions lists stand that all images or uploads are in. One partition takes 1,000 write units a second
/// (a row in a transaction is two), and each reader asks all of them. Rows are found by it: it never changes.
pub(crate) const SHARDS: u8 = 4;

/// Which partition of such a list something belongs to: by its FNV-1a hash, whose higher bits are the better ones.
pub(crate) fn shard_of(id: &[u8]) -> u8 {
    let hash = id.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes()[0] % SHARDS
}

/// The partition key of one shard of a list.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_spread_over_all_shards() {
        let shards: std::collections::BTreeSet<u8> =
            (0..64).map(|n| shard_of(format!("{n:032x}").as_bytes())).collect();
        assert_eq!(shards, (0..SHARDS).collect());
    }
}
