//! From the numbers that a network answers to labels.

mod activation;
mod groups;
#[cfg(test)]
mod tests;

pub(crate) use activation::{Activation, OutputError};
pub use groups::Thresholds;
pub(crate) use groups::{Combination, Group, Rank, labels, moderation};
