//! Objects as files, behind the same rules as S3's.

mod door;
mod file;
mod listing;
mod paced;
mod posted;
mod routes;
mod served;
mod space;
mod store;

pub use door::ObjectCreated;
pub use routes::router;
pub use store::{BUCKET, FileObjects};

#[cfg(test)]
mod tests;
