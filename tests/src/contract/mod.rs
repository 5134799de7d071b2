//! The contract of the ports: one test function per promise, for any backend.
//!
//! A backend implements [`Backend`]; `labelcast_tests::contract!(ThatBackend);` in a test file makes a test of every promise. Each
//! begins with a backend that is empty, so that they run in any order and at once.

mod backend;
mod promises;
mod samples;
mod stepped;

pub mod candidates;
pub mod connections;
pub mod delivery;
pub mod fan_out;
pub mod history;
pub mod idempotency;
pub mod images;
pub mod keys;
pub mod labels;
pub mod lifecycle;
pub mod objects;
pub mod partitions;
pub mod push;
pub mod removal;
pub mod sweep;
pub mod translation;
pub mod uploads;
pub mod visibility;

pub use backend::Backend;
