//! Objects as files, behind the same rules as S3's.

mod bucket;
mod file;
mod listing;
mod paced;
mod posted;
mod routes;
mod served;
mod space;
mod store;

pub use bucket::ObjectCreated;
pub use routes::router;
pub use store::{BUCKET, FileObjects};

#[cfg(test)]
mod tests;
