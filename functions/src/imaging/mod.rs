//! Pictures as bytes: what they are, whether they are whole, their thumbnail, and the same picture without what
//! it reveals about its maker.
//!
//! Everything here is pure, and bounded by what the headers say: [`PictureFile::memory`] is known before anything is decoded.
//!
//! Of an animated picture the first frame is taken, everywhere: it is what is analyzed, so it is all that others
//! may see.

mod container;
mod decode;
mod exif;
mod file;
mod jpeg;
mod memory;
mod probe;
mod reduce;
mod rejection;
#[cfg(test)]
mod samples;
mod thumbnail;
mod vp8l;

pub use container::Parts;
pub use decode::decode;
pub use file::PictureFile;
pub use image::DynamicImage;
pub use image::metadata::Orientation;
pub use probe::Probe;
pub use rejection::Rejection;
pub use thumbnail::{
    MAX_THUMBNAIL_SIDE, WORKING_SIDE, jpeg, jpeg_for_detector, longest_for_detector, thumbnail, working_copy,
};

/// The shortest side of a picture that is taken, in pixels: Rekognition refuses smaller ones.
pub const MIN_SIDE: u32 = 80;
/// The longest side of a picture that is taken, in pixels: Rekognition refuses larger ones.
pub const MAX_SIDE: u32 = 10_000;
/// The most pixels of a picture that is taken.
pub const MAX_PIXELS: u64 = 64_000_000;
