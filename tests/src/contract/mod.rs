//! The contract of the ports: one function for each thing that is promised, which any home can be held against.
//!
//! A home implements [`Home`]; `labelcast_tests::contract!(ThatHome);` in a test file makes a test of every promise. Each
//! begins with a home that is empty, so that they run in any order and at once.

mod home;
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
pub mod parts;
pub mod push;
pub mod removal;
pub mod sweep;
pub mod translation;
pub mod uploads;
pub mod visibility;

pub use home::Home;
