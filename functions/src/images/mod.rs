//! Pictures: from the form to the result, and how results are found.

mod analyze;
mod cursor;
mod decide;
mod decoding;
mod delete;
mod failed;
mod image;
mod index;
mod ingest;
mod leftovers;
mod merge;
mod moderation;
mod object_expiry;
mod page;
mod search;
mod upload;

pub use analyze::{Analyze, AnalyzeError};
pub use cursor::PageCursors;
pub use decoding::{Decoding, DecodingError};
pub use delete::Delete;
pub use failed::Failed;
pub use image::ImageApi;
pub use index::Index;
pub use ingest::Ingest;
pub use leftovers::{FileUse, Leftovers};
pub use merge::merged;
pub use moderation::ModerationApi;
pub use object_expiry::ObjectExpiry;
pub use search::SearchApi;
pub use upload::UploadApi;
