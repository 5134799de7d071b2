//! Shards of connections (`docs/guarantees.md#shards`): a `deliver` message names one.

use aws_lc_rs::digest;
use labelcast_functions::model::{ConnectionId, TopicKey};

/// How many shards a topic's subscriptions are kept in: a power of two, which only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    now: u32,
    before: Option<u32>,
}

/// The number is no power of two from 1 to 65,536, or does not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} isn't a valid number of shards (fanOutRanges): it must be a power of two from 1 to 65536, and may only grow"
)]
pub struct ShardsError(u32);

impl Shards {
    const MAX: u32 = 1 << 16;

    /// This many shards: a power of two, at most 65,536.
    pub fn new(count: u32) -> Result<Self, ShardsError> {
        match count.is_power_of_two() && count <= Self::MAX {
            true => Ok(Self { now: count, before: None }),
            false => Err(ShardsError(count)),
        }
    }

    /// This many from now on; connections from before, which live two hours at most, are still found where they were put.
    pub fn grown_to(self, count: u32) -> Result<Self, ShardsError> {
        let grown = Self::new(count)?;
        match count > self.now {
            true => Ok(Self { before: Some(self.now), ..grown }),
            false => Err(ShardsError(count)),
        }
    }

    /// How many there are now: shards are numbered from 0 to below it.
    pub const fn count(self) -> u32 {
        self.now
    }

    /// The shard that a connection is in.
    pub fn of(self, connection: &ConnectionId) -> u32 {
        shard_of(connection, self.now)
    }

    /// The partition that a subscription is kept in.
    pub(super) fn partition(self, topic: &TopicKey, connection: &ConnectionId) -> String {
        partition(topic, self.now, self.of(connection))
    }

    /// The partitions that a shard is spread over.
    pub(super) fn partitions(self, topic: &TopicKey, shard: u32) -> Vec<String> {
        let now = partition(topic, self.now, shard);
        let before = self.before.map(|count| partition(topic, count, shard / (self.now / count)));
        [Some(now), before].into_iter().flatten().collect()
    }

    /// Whether a row that was found there belongs to the shard: partitions from before hold several.
    pub(super) fn holds(self, shard: u32, connection: &ConnectionId) -> bool {
        self.before.is_none() || self.of(connection) == shard
    }
}

fn partition(topic: &TopicKey, count: u32, shard: u32) -> String {
    format!("topic#{topic}#{count}.{shard}")
}

/// The high bits of a hash: a shard of a larger number lies within one of a smaller.
pub(super) fn shard_of(connection: &ConnectionId, count: u32) -> u32 {
    let hash = digest::digest(&digest::SHA256, connection.as_str().as_bytes());
    let high = hash.as_ref().iter().take(4).fold(0_u64, |high, byte| (high << 8) | u64::from(*byte));
    u32::try_from((high * u64::from(count)) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_belongs_to_one_shard_and_is_found_there() {
        let topic: TopicKey = "labels".parse().unwrap();
        let small = Shards::new(4).unwrap();
        let grown = small.grown_to(16).unwrap();
        let mut used = std::collections::BTreeSet::new();
        for number in 0..1_000 {
            let connection: ConnectionId = format!("connection-{number}=").parse().unwrap();
            let shards: Vec<u32> = (0..grown.count()).filter(|shard| grown.holds(*shard, &connection)).collect();
            let [shard] = shards[..] else { panic!("{connection} is in the shards {shards:?}") };
            for put in [small, grown] {
                assert!(grown.partitions(&topic, shard).contains(&put.partition(&topic, &connection)));
            }
            used.insert(shard);
        }
        assert_eq!(used.len(), 16);
    }

    #[test]
    fn the_shard_count_is_a_power_of_two_and_only_grows() {
        for bad in [0, 3, 1 << 17] {
            assert_eq!(Shards::new(bad), Err(ShardsError(bad)));
        }
        assert_eq!(Shards::new(4).unwrap().grown_to(4), Err(ShardsError(4)));
    }
}
