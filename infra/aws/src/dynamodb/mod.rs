//! The ports on DynamoDB: the tables' contents, and the calls that all ports are made of.
//!
//! Every table has a partition key `pk` and a sort key `sk`, both text; what ages has its end in `ttl`, in seconds. Nothing
//! is scanned. Reads are strong.

mod action;
mod cancelled;
mod change;
mod conditional;
mod connections;
mod contention;
mod error;
mod history;
mod idempotency;
mod images;
mod keys;
mod page;
mod post_rate;
mod query;
mod shards;
mod table;
mod transaction;
mod uploads;

pub use connections::{DynamoConnections, Shards, ShardsError};
pub(crate) use error::port_error;
pub use history::DynamoHistory;
pub use idempotency::DynamoIdempotency;
pub use images::DynamoImages;
pub use keys::DynamoKeys;
pub use post_rate::DynamoPostRate;
pub(crate) use query::{Order, Range};
pub use table::Table;
pub(crate) use table::{Item, key, number, text};
pub use uploads::DynamoUploads;
