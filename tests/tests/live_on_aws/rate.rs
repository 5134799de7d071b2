//! The rate of posts that all runs share.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use labelcast_aws::dynamodb::{DynamoPostRate, Table};
use labelcast_aws::pusher::PostRate;

use super::Stack;

impl Stack {
    /// As one function has it: a hundred posts a second, by up to four runs.
    fn rate(&self) -> DynamoPostRate {
        let table = Table::new(self.client.clone(), format!("{}-live", self.name), "the table of connections");
        let [per_second, runs] = [100, 4].map(|number| NonZeroU32::new(number).expect("some"));
        DynamoPostRate::new(table, self.clock.clone(), per_second, runs)
    }
}

async fn waits(rate: &DynamoPostRate) -> u128 {
    rate.reserve(10).await.unwrap().as_millis()
}

#[tokio::test]
async fn all_runs_together_respect_one_rate() {
    let stack = Stack::start().await;
    let (one, other) = (stack.rate(), stack.rate());
    assert_eq!([waits(&one).await, waits(&other).await, waits(&one).await], [0, 100, 200]);
    stack.clock.advance(TimeDelta::milliseconds(150));
    assert_eq!(waits(&other).await, 150, "what was reserved is still to come");
    stack.clock.advance(TimeDelta::seconds(5));
    assert_eq!([waits(&other).await, waits(&one).await], [0, 100], "nothing is saved up for a burst");
}

#[tokio::test]
async fn concurrent_runs_are_queued() {
    let stack = Stack::start().await;
    let rates: Vec<DynamoPostRate> = (0..8).map(|_| stack.rate()).collect();
    let mut all = join_all(rates.iter().map(waits)).await;
    all.sort_unstable();
    assert_eq!(all, (0..8).map(|place| place * 100).collect::<Vec<u128>>());
}

#[tokio::test]
async fn a_reservation_covers_a_tenth_of_a_second_and_a_share_one_run() {
    let stack = Stack::start().await;
    assert_eq!(stack.rate().lump(), 10);
    assert_eq!(stack.rate().alone(10), Duration::from_millis(400));
}
