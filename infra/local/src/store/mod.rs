//! The ports that keep data, on the embedded database.

pub mod api_keys;
mod batches;
mod columns;
mod history;
mod idempotency;
mod images;
mod keys;
mod uploads;

pub use history::SqliteHistory;
pub(crate) use history::{mark_as_copy, note_clean_end};
pub use idempotency::SqliteIdempotency;
pub use images::SqliteImages;
pub use keys::SqliteKeys;
pub use uploads::SqliteUploads;
